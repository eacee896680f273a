use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::delivery::State;
use domain::id::{DeliveryId, NetworkId};
use domain::time::Timestamp;

use crate::due::in_the_way;
use crate::item::{Reader, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// The right to make one attempt, asked for when another message for it may exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The caller holds the claim, until [`Claimant::until`].
    Granted {
        /// How many attempts were made before the round of tries under way.
        base: u32,
        /// When the delivery is forgotten.
        expires: Timestamp,
    },
    /// There is no such delivery any more.
    Forgotten,
    /// The attempt was made and recorded already, or the delivery is settled.
    Settled,
    /// The delivery waits for its endpoint to be enabled, and this attempt would be its next.
    Parked,
    /// Another holder may be making the attempt right now.
    InProgress {
        /// When that claim lapses, should the holder have died.
        until: Timestamp,
    },
}

/// Who claims, and for how long.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// Random, so that a claim whose answer was lost is recognised when the SDK repeats it.
    pub token: String,
    /// An earlier claim that ends at this moment or before it has lapsed.
    pub now: Timestamp,
    /// When the claim asked for lapses by itself.
    pub until: Timestamp,
}

impl Store {
    /// Asks for the right to make attempt `number`.
    ///
    /// Not needed for correctness: [`record`](Self::record) fences. It only saves a duplicate call
    /// when a message is received twice at the same time.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn claim(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
        claimant: &Claimant,
    ) -> Result<Claim, Error> {
        const OPERATION: &str = "claiming an attempt";
        let before = number.saturating_sub(1);
        let sent = self
            .update(&Key::delivery(network, id))
            // Setting something to what it is makes the answer tell it.
            .update_expression(
                "SET claimedUntil = :until, claimedBy = :token, triedBefore = if_not_exists(triedBefore, :zero), expires = expires",
            )
            .condition_expression("attempts = :before AND #state = :pending AND (attribute_not_exists(claimedUntil) OR claimedUntil <= :now)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":before", n(before))
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":now", n(claimant.now.millis()))
            .expression_attribute_values(":until", n(claimant.until.millis()))
            .expression_attribute_values(":token", s(&claimant.token))
            .expression_attribute_values(":zero", n(0))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                let item = Reader::new(&item, OPERATION);
                return Ok(Claim::Granted {
                    base: item.small("triedBefore")?,
                    expires: item.end()?,
                });
            }
            Err(error) => error,
        };
        let Some(item) = in_the_way(error, OPERATION)? else {
            return Ok(Claim::Forgotten);
        };
        let item = Reader::new(&item, OPERATION);
        let state = item.parsed("state", State::parse)?;
        if item.small("attempts")? != before {
            return Ok(Claim::Settled);
        }
        let ours = item.maybe_text("claimedBy") == Some(claimant.token.as_str());
        Ok(match state {
            State::Pending { .. } if ours => Claim::Granted {
                base: item.maybe_small("triedBefore")?.unwrap_or_default(),
                expires: item.end()?,
            },
            State::Pending { .. } => Claim::InProgress {
                until: item.time("claimedUntil")?,
            },
            State::Parked => Claim::Parked,
            State::Delivered | State::Dead | State::Discarded => Claim::Settled,
        })
    }
}

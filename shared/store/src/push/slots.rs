//! Active slots, and how the credentials in them are doing.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::credential::Slot;
use domain::id::{CredentialId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// The credential that is active in a slot, and how it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSlot {
    /// Where.
    pub slot: Slot,
    /// Which credential.
    pub credential: CredentialId,
    /// The one to roll back to.
    pub previous: Option<CredentialId>,
    /// From 1; grows with each activation.
    pub version: u64,
    /// When it was activated.
    pub since: Timestamp,
    /// Why it sends nothing, if so.
    pub paused: Option<Paused>,
    /// What the slot was paused for before this activation, until a push gets through and shows that
    /// it is over.
    pub recovering: Option<Paused>,
    /// Phones known to have been reached since it was activated; counted only as far as it matters.
    pub delivered: u64,
    /// Tokens refused in a way that a wrong credential would be refused too.
    pub suspects: u64,
}

/// A provider refuses a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The provider's word.
    pub reason: String,
    /// The same, in words.
    pub explanation: String,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Pauses the credential that was activated as `version`. `false` when it was paused before, or
    /// another is active by now.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn pause_slot(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
        why: &Paused,
    ) -> Result<bool, Error> {
        let sent = self
            .update(&Key::slot(network, slot))
            .update_expression("SET pausedFor = :reason, pausedSay = :say, pausedAt = :at")
            // The race: a good one is activated while the old one's answers still come in.
            .condition_expression("version = :version AND attribute_not_exists(pausedAt)")
            .expression_attribute_values(":reason", s(&why.reason))
            .expression_attribute_values(":say", s(&why.explanation))
            .expression_attribute_values(":at", n(why.at.millis()))
            .expression_attribute_values(":version", n(version))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::call("pausing a credential")(error)),
            },
        }
    }

    /// A push got through with the credential that was activated as `version`: the slot has recovered.
    /// `false` when that was known before, or another is active by now.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn recover_slot(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
    ) -> Result<bool, Error> {
        let sent = self
            .update(&Key::slot(network, slot))
            .update_expression("REMOVE recoveringFor, recoveringSay, recoveringAt")
            // The race: the pushes that waited get through together.
            .condition_expression("version = :version AND attribute_exists(recoveringAt)")
            .expression_attribute_values(":version", n(version))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::call("recording that a credential works")(error)),
            },
        }
    }

    /// Counts answers for the credential that was activated as `version`: phones reached, and
    /// tokens under suspicion. The slot as it is then; `None` when another is active by now.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn count_answers(
        &self,
        network: &NetworkId,
        slot: Slot,
        version: u64,
        (delivered, suspects): (u64, u64),
    ) -> Result<Option<ActiveSlot>, Error> {
        const OPERATION: &str = "counting a credential's answers";
        let sent = self
            .update(&Key::slot(network, slot))
            .update_expression("ADD delivered :delivered, suspects :suspects")
            .condition_expression("version = :version")
            .expression_attribute_values(":delivered", n(delivered))
            .expression_attribute_values(":suspects", n(suspects))
            .expression_attribute_values(":version", n(version))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match sent {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                read_slot(&item, OPERATION).map(Some)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(Error::call(OPERATION)(error)),
            },
        }
    }
}

impl ActiveSlot {
    pub(super) fn write(&self, network: &NetworkId) -> Item {
        let attributes = [
            ("credential", s(self.credential.to_string())),
            ("version", n(self.version)),
            ("since", n(self.since.millis())),
        ];
        let previous = self.previous.map(|id| ("previous", s(id.to_string())));
        let recovering = self.recovering.iter().flat_map(|fault| {
            [
                ("recoveringFor", s(&fault.reason)),
                ("recoveringSay", s(&fault.explanation)),
                ("recoveringAt", n(fault.at.millis())),
            ]
        });
        attributes
            .into_iter()
            .chain(previous)
            .chain(recovering)
            .chain(Key::slot(network, self.slot).attributes())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

pub(super) fn read_slot(item: &Item, operation: &'static str) -> Result<ActiveSlot, Error> {
    let reader = Reader::new(item, operation);
    let fault = |at: &str, word: &str, say: &str| {
        let text = |name: &str| reader.maybe_text(name).unwrap_or_default().to_owned();
        let at = reader.maybe_number(at)?;
        Some(Paused {
            reason: text(word),
            explanation: text(say),
            at: Timestamp::from_millis(at),
        })
    };
    let previous = reader.maybe_text("previous").map(CredentialId::parse);
    Ok(ActiveSlot {
        slot: reader.parsed("sk", |sk| Slot::parse(sk.strip_prefix("SLOT#")?))?,
        credential: reader.parsed("credential", CredentialId::parse)?,
        previous: match previous {
            Some(None) => return Err(reader.bad("previous")),
            Some(id) => id,
            None => None,
        },
        version: reader.number("version")?,
        since: reader.time("since")?,
        paused: fault("pausedAt", "pausedFor", "pausedSay"),
        recovering: fault("recoveringAt", "recoveringFor", "recoveringSay"),
        delivered: reader.maybe_number("delivered").unwrap_or_default(),
        suspects: reader.maybe_number("suspects").unwrap_or_default(),
    })
}

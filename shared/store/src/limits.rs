//! Per-endpoint limits that hold over all dispatchers: one small item per endpoint that has any.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Reader, n};
use crate::key::Key;
use crate::{Error, Store};

/// How often a reservation is tried while others come in between.
const MAX_ROUNDS: usize = 10;

fn micros(interval: Duration) -> u64 {
    u64::try_from(interval.as_micros()).unwrap_or(u64::MAX)
}

fn micros_of(time: Timestamp) -> u64 {
    time.millis().saturating_mul(1000)
}

/// A place among the attempts under way to one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    number: u32,
    until: Timestamp,
}

impl Store {
    /// Reserves the next moment at which an attempt to this endpoint may begin, attempts being
    /// `interval` apart to the microsecond: the generic cell rate algorithm (ITU-T I.371) with one atomic write per
    /// attempt. The moment can lie ahead; the caller then comes back at it with nothing to reserve.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn reserve_rate(
        &self,
        network: &NetworkId,
        id: EndpointId,
        interval: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        // Between the two questions another can begin; then it is asked again.
        for _ in 0..MAX_ROUNDS {
            if let Some(at) = self.queue_up(network, id, interval, now).await? {
                return Ok(at);
            }
            if self.begin(network, id, interval, now).await? {
                return Ok(now);
            }
        }
        Err(Error::Item {
            operation: "reserving a moment",
            what: "a place",
        })
    }

    /// The next place behind those who wait; `None` when nobody does.
    async fn queue_up(
        &self,
        network: &NetworkId,
        id: EndpointId,
        interval: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        const OPERATION: &str = "reserving a later moment";
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression("SET nextFree = nextFree + :interval")
            .condition_expression("nextFree > :now")
            .expression_attribute_values(":interval", n(micros(interval)))
            .expression_attribute_values(":now", n(micros_of(now)))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        let updated = match sent {
            Ok(updated) => updated,
            Err(error) if refused(&error) => return Ok(None),
            Err(error) => return Err(Error::call(OPERATION)(error)),
        };
        let item = updated.attributes.unwrap_or_default();
        let next = Reader::new(&item, OPERATION).number("nextFree")?;
        let at = next.saturating_sub(micros(interval));
        // Not a millisecond early.
        Ok(Some(Timestamp::from_millis(at.div_ceil(1000))))
    }

    /// Whether the moment is `now`, because nobody waits.
    async fn begin(
        &self,
        network: &NetworkId,
        id: EndpointId,
        interval: Duration,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let next = micros_of(now).saturating_add(micros(interval));
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression("SET nextFree = :next")
            .condition_expression("attribute_not_exists(nextFree) OR nextFree <= :now")
            .expression_attribute_values(":next", n(next))
            .expression_attribute_values(":now", n(micros_of(now)))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(Error::call("reserving this moment")(error)),
        }
    }

    /// Takes place `number` among the attempts under way, until `until` should the holder die.
    /// `None` when it is taken.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn take_slot(
        &self,
        network: &NetworkId,
        id: EndpointId,
        number: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Slot>, Error> {
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression("SET #slot = :until")
            .condition_expression("attribute_not_exists(#slot) OR #slot <= :now")
            .expression_attribute_names("#slot", slot(number))
            .expression_attribute_values(":until", n(until.millis()))
            .expression_attribute_values(":now", n(now.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Some(Slot { number, until })),
            Err(error) if refused(&error) => Ok(None),
            Err(error) => Err(Error::call("taking a place")(error)),
        }
    }

    /// Gives a place back. One that lapsed and was taken by another stays theirs.
    ///
    /// # Errors
    /// When the table does not answer; the place lapses by itself then.
    pub async fn free_slot(
        &self,
        network: &NetworkId,
        id: EndpointId,
        held: Slot,
    ) -> Result<(), Error> {
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression("REMOVE #slot")
            .condition_expression("#slot = :until")
            .expression_attribute_names("#slot", slot(held.number))
            .expression_attribute_values(":until", n(held.until.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if refused(&error) => Ok(()),
            Err(error) => Err(Error::call("giving a place back")(error)),
        }
    }
}

fn slot(number: u32) -> String {
    format!("slot{number}")
}

fn refused(error: &SdkError<UpdateItemError>) -> bool {
    matches!(
        error.as_service_error(),
        Some(UpdateItemError::ConditionalCheckFailedException(_))
    )
}

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::attempt::{Attempt, Outcome};
use domain::delivery::{Cause, Known, Receiver, State, explain};
use domain::event::Event;
use domain::event_type::EventType;
use domain::id::{DeliveryId, EventId, NetworkId, ReplayId};
use domain::time::Timestamp;

use crate::attempt_log::{read_attempt, write_attempt};
use crate::due::due_shard;
use crate::item::{Item, Reader, expires_at, n, s};
use crate::key::{Key, parse_delivery};
use crate::{Error, Store};

/// A delivery as recorded, attempts oldest first.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The network whose endpoint it goes to.
    pub network: NetworkId,
    /// Names the endpoint too, and the record's key is read off it.
    pub id: DeliveryId,
    /// What is delivered; its body is recorded with the event.
    pub event: EventId,
    /// Copied from the event, so that listing deliveries reads no events.
    pub event_type: EventType,
    /// As of the last change recorded.
    pub state: State,
    /// What brought it there; for parked and discarded ones only.
    pub cause: Option<Cause>,
    /// How many attempts were made, in all rounds.
    pub made: u32,
    /// How many of them before the round of tries that is under way.
    pub base: u32,
    /// When its event's payload was expunged, and with it what receivers answered.
    pub expunged: Option<Timestamp>,
    /// When it is forgotten.
    pub expires: Timestamp,
    /// The job that replayed it last.
    pub replayed_by: Option<ReplayId>,
    /// Oldest first; empty before the first. Of many rounds, the latest.
    pub attempts: Vec<Attempt>,
}

impl Delivery {
    /// Why it stands where it does and what can be done, in words; `None` for a deleted endpoint.
    #[must_use]
    pub fn explain(&self, receiver: Option<&Receiver>) -> String {
        let mut attempts = self.attempts.iter().rev();
        let accepted = attempts.find(|attempt| attempt.outcome == Outcome::Succeeded);
        let known = Known {
            state: self.state,
            cause: self.cause.as_ref(),
            last: self.attempts.last(),
            accepted: accepted.map(|attempt| attempt.number),
            expunged: self.expunged.is_some(),
        };
        explain(known, receiver)
    }
}

/// Whether an attempt's result was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Recorded by this call.
    Now,
    /// Another attempt with this number was recorded first.
    Stale,
}

/// A finished attempt and what it makes of its delivery.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// Recorded only when its number is one more than that of the last recorded.
    pub attempt: &'a Attempt,
    /// What the delivery becomes by it.
    pub state: State,
    /// When the sweep must act if nobody else has; for pending deliveries only.
    pub due: Option<Timestamp>,
}

impl Store {
    /// Records that one delivery is owed, and kept until `end`; parked if there is a cause for that.
    /// `false` when it was recorded before.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn owe(
        &self,
        event: &Event,
        id: DeliveryId,
        parked: Option<&Cause>,
        end: Timestamp,
    ) -> Result<bool, Error> {
        let [pk, sk] = Key::delivery(&event.network, id).attributes();
        let state = parked.map_or(State::Pending { next_attempt: None }, |_| State::Parked);
        let mut call = self.client.put_item();
        if let Some(cause) = parked {
            call = call
                .item("cause", s(&cause.reason))
                .item("causeAt", n(cause.at.millis()));
        }
        let sent = call
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("eventId", s(event.id.as_str()))
            .item("eventType", s(event.event_type.as_str()))
            .item("state", s(state.word()))
            .item("attempts", n(0))
            .item("expires", expires_at(end))
            // The race: two receives of one event message. The later must not undo an attempt
            // that was already recorded.
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::call("recording a delivery")(error)),
            },
        }
    }

    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn delivery(
        &self,
        network: &NetworkId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        let item = self.get(&Key::delivery(network, id), OPERATION).await?;
        item.map(|item| read(&item)).transpose()
    }

    /// Records a finished attempt and the state it leads to, in one write.
    ///
    /// # Errors
    /// When the table does not answer; the result may or may not be recorded then.
    pub async fn record(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        finished: Finished<'_>,
    ) -> Result<Recorded, Error> {
        let mut call = self
            .update(&Key::delivery(network, id))
            // The fence: attempt n is recorded only on top of n - 1, so of two copies of one
            // attempt the second changes nothing.
            .condition_expression("attempts = :before AND #state = :pending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#log", "log")
            .expression_attribute_values(":before", n(finished.attempt.number.saturating_sub(1)))
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":state", s(finished.state.word()))
            .expression_attribute_values(":number", n(finished.attempt.number))
            .expression_attribute_values(":entry", AttributeValue::L(vec![write_attempt(finished.attempt)]))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()));
        let mut set = "SET #state = :state, attempts = :number, #log = list_append(if_not_exists(#log, :none), :entry)".to_owned();
        // What stood in the way of this attempt is no trouble of the next one.
        let mut remove = " REMOVE claimedUntil, claimedBy, rescues".to_owned();
        if let (
            State::Pending {
                next_attempt: Some(next),
            },
            Some(due),
        ) = (finished.state, finished.due)
        {
            set.push_str(", nextAt = :next, dueAt = :due, dueShard = :shard");
            call = call
                .expression_attribute_values(":next", n(next.millis()))
                .expression_attribute_values(":due", n(due.millis()))
                .expression_attribute_values(":shard", s(due_shard(id)));
        } else {
            remove.push_str(", nextAt, dueAt, dueShard");
        }
        let call = call
            .update_expression(set + &remove)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = call.send().await else {
            return Ok(Recorded::Now);
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                // The SDK repeats a write whose answer was lost; then the record that is in the
                // way is our own.
                let ours = failed.item().and_then(|item| read(item).ok());
                let ours =
                    ours.is_some_and(|there| there.attempts.last() == Some(finished.attempt));
                Ok(if ours { Recorded::Now } else { Recorded::Stale })
            }
            _ => Err(Error::call("recording an attempt")(error)),
        }
    }
}

pub(crate) const OPERATION: &str = "reading a delivery";

pub(crate) fn read(item: &Item) -> Result<Delivery, Error> {
    let reader = Reader::new(item, OPERATION);
    let (network, id) =
        parse_delivery(reader.text("pk")?, reader.text("sk")?).ok_or_else(|| reader.bad("pk"))?;
    let log = item.get("log").and_then(|value| value.as_l().ok());
    let attempts = log
        .into_iter()
        .flatten()
        .map(read_attempt)
        .collect::<Result<_, _>>()?;
    let state = match reader.parsed("state", State::parse)? {
        State::Pending { .. } => State::Pending {
            next_attempt: reader.maybe_number("nextAt").map(Timestamp::from_millis),
        },
        other @ (State::Parked | State::Delivered | State::Dead | State::Discarded) => other,
    };
    let cause = match (reader.maybe_text("cause"), reader.maybe_number("causeAt")) {
        (Some(reason), Some(at)) => Some(Cause {
            reason: reason.to_owned(),
            at: Timestamp::from_millis(at),
        }),
        (Some(_) | None, _) => None,
    };
    Ok(Delivery {
        network,
        id,
        event: reader.parsed("eventId", EventId::parse)?,
        event_type: reader.parsed("eventType", EventType::parse)?,
        state,
        cause,
        made: reader.small("attempts")?,
        base: reader.maybe_small("triedBefore")?.unwrap_or_default(),
        expunged: reader
            .maybe_number("expungedAt")
            .map(Timestamp::from_millis),
        expires: reader.end()?,
        replayed_by: reader.maybe_text("replayedBy").and_then(ReplayId::parse),
        attempts,
    })
}

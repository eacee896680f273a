//! Forgetting what an event said, and what receivers answered to it, but not that it was.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::attempt::Attempt;
use domain::delivery::{State, expunged};
use domain::id::{DeliveryId, EventId, NetworkId};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::attempt_log::write_attempt;
use crate::due::refused;
use crate::item::{Reader, n, s};
use crate::key::Key;
use crate::packed::unpack_plan;
use crate::{Delivery, Error, Store};

/// Answers deleted at the same time.
const IN_FLIGHT: usize = 16;

impl Store {
    /// Forgets the payload of an event, and gives the deliveries of its plan. `None` when there is no
    /// such event. From here on nobody can read the payload; messages under way may still carry it.
    ///
    /// # Errors
    /// When the table does not answer; a repeat finishes what this began.
    pub async fn expunge_event(
        &self,
        network: &NetworkId,
        id: &EventId,
        now: Timestamp,
    ) -> Result<Option<Vec<DeliveryId>>, Error> {
        const OPERATION: &str = "expunging an event";
        let sent = self
            .update(&Key::event(network, id))
            .update_expression("SET expungedAt = if_not_exists(expungedAt, :now) REMOVE #data")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#data", "data")
            .expression_attribute_values(":now", n(now.millis()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let item = match sent {
            Ok(updated) => updated.attributes.unwrap_or_default(),
            Err(error) => {
                return match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
                    _ => Err(Error::call(OPERATION)(error)),
                };
            }
        };
        let reader = Reader::new(&item, OPERATION);
        // A very large body lies apart.
        let body = Key::event_body(network, id, reader.text("messageId")?);
        self.forget(body, OPERATION).await?;
        let accepted = reader.time("accepted")?;
        let plan = unpack_plan(&item).into_iter();
        let deliveries = plan.map(|planned| DeliveryId::of(planned.endpoint, accepted, id));
        Ok(Some(deliveries.collect()))
    }

    /// Forgets what receivers answered to a delivery's attempts; an unfinished one becomes dead with
    /// the reason, once the attempt that someone may be making is recorded: else its answer would be
    /// lost, and a replay would send again what was received.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when attempts keep coming in between, or
    /// one takes too long to be waited for.
    pub async fn expunge_delivery(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), Error> {
        const OPERATION: &str = "expunging a delivery";
        let mut tries = self.tries(OPERATION);
        loop {
            let Some(seen) = self.delivery(network, id).await? else {
                return Ok(());
            };
            if self.strip(&seen, now, OPERATION).await? {
                let numbers = 1..=seen.made;
                let answers: Vec<_> = numbers
                    .map(|number| self.forget(Key::response(network, id, number), OPERATION))
                    .collect();
                let forgotten = stream::iter(answers).buffer_unordered(IN_FLIGHT);
                return forgotten.try_collect().await;
            }
            tries.again().await?;
        }
    }

    /// `false` when someone else changed the delivery first.
    async fn strip(
        &self,
        seen: &Delivery,
        now: Timestamp,
        operation: &'static str,
    ) -> Result<bool, Error> {
        let last = expunged(seen.state, seen.made, now);
        let state = if last.is_some() {
            State::Dead
        } else {
            seen.state
        };
        let made = last.as_ref().map_or(seen.made, |attempt| attempt.number);
        let bare = seen.attempts.iter().cloned().map(|attempt| Attempt {
            response: None,
            ..attempt
        });
        let log = bare
            .chain(last.clone())
            .map(|attempt| write_attempt(&attempt));
        let mut unless = "";
        let mut change = "SET #log = :log, attempts = :made, #state = :state, expungedAt = if_not_exists(expungedAt, :now)".to_owned();
        if last.is_some() {
            change.push_str(
                " REMOVE nextAt, dueAt, dueShard, claimedUntil, claimedBy, cause, causeAt",
            );
            unless = " AND (attribute_not_exists(claimedUntil) OR claimedUntil <= :now)";
        }
        let condition = format!("attempts = :seen AND #state = :before{unless}");
        let sent = self
            .update(&Key::delivery(&seen.network, seen.id))
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_names("#log", "log")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":log", AttributeValue::L(log.collect()))
            .expression_attribute_values(":made", n(made))
            .expression_attribute_values(":state", s(state.word()))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":seen", n(seen.made))
            .expression_attribute_values(":before", s(seen.state.word()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, operation).map(|()| false),
        }
    }

    pub(crate) async fn forget(&self, key: Key, operation: &'static str) -> Result<(), Error> {
        let [pk, sk] = key.attributes();
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .send()
            .await
            .map_err(Error::call(operation))?;
        Ok(())
    }
}

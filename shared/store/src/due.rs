use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::id::{DeliveryId, EventId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::key::{Key, parse_delivery};
use crate::{Error, Store};

/// The index is spread over this many partitions, so that many failures at once do not meet one
/// partition's write limit.
pub const DUE_SHARDS: u8 = 4;

/// A delivery the sweep must act on.
#[derive(Debug, Clone)]
pub struct Due {
    /// The network whose endpoint is owed.
    pub network: NetworkId,
    /// Names the endpoint too.
    pub id: DeliveryId,
    /// What is to be delivered.
    pub event: EventId,
    /// Attempts recorded so far.
    pub attempts: u32,
    /// When its next attempt is to be made.
    pub next: Timestamp,
    /// The moment at which it became the sweep's business.
    pub due: Timestamp,
}

/// A page of the due index. A record that cannot be read is an error of its own.
#[derive(Debug)]
pub struct DuePage {
    /// Earliest first; empty when nothing is due.
    pub due: Vec<Result<Due, Error>>,
    /// `None` on the last page.
    pub next: Option<DueCursor>,
}

/// Where the next page starts.
#[derive(Debug)]
pub struct DueCursor(Item);

impl Store {
    /// A page of the deliveries of one shard that are due by `until`, earliest first, at most
    /// `limit`. Pages follow each other by cursor, never by asking again from the start: the index
    /// lags behind the table, so what was just put off may still be in it.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u16,
        after: Option<DueCursor>,
    ) -> Result<DuePage, Error> {
        const OPERATION: &str = "reading the due index";
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("dueShard = :shard AND dueAt <= :until")
            .expression_attribute_values(":shard", s(shard.to_string()))
            .expression_attribute_values(":until", n(until.millis()))
            .limit(i32::from(limit))
            .set_exclusive_start_key(after.map(|cursor| cursor.0))
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let read = page
            .items()
            .iter()
            .map(|item| read(&Reader::new(item, OPERATION)));
        Ok(DuePage {
            due: read.collect(),
            next: page.last_evaluated_key.map(DueCursor),
        })
    }

    /// Moves a delivery the sweep has acted on to a later `due`. `false` when someone else changed
    /// it first, which means the attempt was made.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn put_off(&self, seen: &Due, due: Timestamp) -> Result<bool, Error> {
        let sent = self
            .update(&Key::delivery(&seen.network, seen.id))
            .update_expression("SET dueAt = :due")
            .condition_expression("dueAt = :seen")
            .expression_attribute_values(":due", n(due.millis()))
            .expression_attribute_values(":seen", n(seen.due.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "putting off a due delivery").map(|()| false),
        }
    }

    /// Makes a pending delivery due at its planned time, or at `now` if it has none, because the
    /// message for attempt `number` failed to bring that attempt about. Gives how often this
    /// happened to the delivery; `None` when that attempt was made after all.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn rescue(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, Error> {
        const OPERATION: &str = "rescuing a delivery";
        let sent = self
            .update(&Key::delivery(network, id))
            .update_expression(
                "SET dueAt = if_not_exists(nextAt, :now), nextAt = if_not_exists(nextAt, :now), dueShard = :shard ADD rescues :one",
            )
            .condition_expression("#state = :pending AND attempts = :before")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":before", n(number.saturating_sub(1)))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":shard", s(due_shard(id)))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match sent {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                Reader::new(&item, OPERATION).small("rescues").map(Some)
            }
            Err(error) => refused(error, OPERATION).map(|()| None),
        }
    }

    /// Plans attempt `number` for `next` without one having been made, and for the sweep at `due`
    /// should the message for it be lost. Who claimed it may be making it, and keeps the claim. `false`
    /// when that attempt was made meanwhile.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn postpone(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
        next: Timestamp,
        due: Timestamp,
    ) -> Result<bool, Error> {
        let sent = self
            .update(&Key::delivery(network, id))
            .update_expression("SET nextAt = :next, dueAt = :due, dueShard = :shard")
            .condition_expression("#state = :pending AND attempts = :before")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":before", n(number.saturating_sub(1)))
            .expression_attribute_values(":next", n(next.millis()))
            .expression_attribute_values(":due", n(due.millis()))
            .expression_attribute_values(":shard", s(due_shard(id)))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "postponing a delivery").map(|()| false),
        }
    }
}

pub(crate) fn due_shard(id: DeliveryId) -> String {
    id.shard(DUE_SHARDS).to_string()
}

/// `Ok` when the update's condition did not hold.
pub(crate) fn refused(
    error: SdkError<UpdateItemError>,
    operation: &'static str,
) -> Result<(), Error> {
    in_the_way(error, operation).map(drop)
}

/// The item for which the update's condition did not hold, of a call that asked for all that was there;
/// `None` when nothing was.
pub(crate) fn in_the_way(
    error: SdkError<UpdateItemError>,
    operation: &'static str,
) -> Result<Option<Item>, Error> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(Error::call(operation)(error)),
    }
}

fn read(item: &Reader<'_>) -> Result<Due, Error> {
    let (network, id) =
        parse_delivery(item.text("pk")?, item.text("sk")?).ok_or_else(|| item.bad("pk"))?;
    Ok(Due {
        network,
        id,
        event: item.parsed("eventId", EventId::parse)?,
        attempts: item.small("attempts")?,
        next: item.time("nextAt")?,
        due: item.time("dueAt")?,
    })
}

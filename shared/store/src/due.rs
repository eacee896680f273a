use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use domain::id::{DeliveryId, EventId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Reader, n, s};
use crate::key::{Key, parse_delivery};
use crate::{Error, Store};

/// The index is spread over this many partitions, so that many failures at once do not meet one
/// partition's write limit.
pub const DUE_SHARDS: u8 = 4;

/// A delivery the sweep must act on.
#[derive(Debug, Clone)]
pub struct Due {
    pub network: NetworkId,
    pub id: DeliveryId,
    pub event: EventId,
    /// Attempts recorded so far.
    pub attempts: u32,
    /// When its next attempt is to be made.
    pub next: Timestamp,
    /// The moment at which it became the sweep's business.
    pub due: Timestamp,
}

impl Store {
    /// Deliveries of one shard that are due by `until`, earliest first, at most `limit`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn due(&self, shard: u8, until: Timestamp, limit: u16) -> Result<Vec<Due>, Error> {
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
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        page.items()
            .iter()
            .map(|item| read(&Reader::new(item, OPERATION)))
            .collect()
    }

    /// Moves a delivery the sweep has acted on to a later `due`. `false` when someone else changed
    /// it first, which means the attempt was made.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn put_off(&self, seen: &Due, due: Timestamp) -> Result<bool, Error> {
        let [pk, sk] = Key::delivery(&seen.network, seen.id).attributes();
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .update_expression("SET dueAt = :due")
            .condition_expression("dueAt = :seen")
            .expression_attribute_values(":due", n(due.millis()))
            .expression_attribute_values(":seen", n(seen.due.millis()))
            .send()
            .await;
        changed(sent, "putting off a due delivery")
    }

    /// Makes a pending delivery due at `now`, whatever lost its message. `false` when nothing is
    /// owed any more.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn make_due(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let [pk, sk] = Key::delivery(network, id).attributes();
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .update_expression(
                "SET dueAt = :now, dueShard = :shard, nextAt = if_not_exists(nextAt, :now)",
            )
            .condition_expression("#state = :pending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":shard", s(due_shard(id)))
            .send()
            .await;
        changed(sent, "making a delivery due")
    }
}

pub(crate) fn due_shard(id: DeliveryId) -> String {
    id.shard(DUE_SHARDS).to_string()
}

fn changed<T>(
    sent: Result<T, aws_sdk_dynamodb::error::SdkError<UpdateItemError>>,
    operation: &'static str,
) -> Result<bool, Error> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(Error::call(operation)(error)),
        },
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

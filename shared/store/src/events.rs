use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::event::Event;
use domain::event_type::EventType;
use domain::id::{EventId, NetworkId};
use domain::matching::Destination;
use domain::time::Timestamp;
use serde_json::value::RawValue;

use crate::item::{Item, Reader, expires_at, n, s};
use crate::key::Key;
use crate::packed::{pack_plan, pack_text, unpack_plan, unpack_text};
use crate::{Error, Store};

/// An item holds at most 400 KB (DynamoDB quota). A body that packs to more than this gets an item
/// of its own, which leaves room for a plan of 10,000 endpoints.
const MAX_INLINE_BODY: usize = 200 * 1024;

/// What became of an attempt to store an event.
#[derive(Debug)]
pub enum Taken {
    /// Stored with the plan given.
    First,
    /// This very queue message stored it before, with this plan: continue that plan.
    Again(Vec<Destination>),
    /// Another message with the same event id came first: drop this one.
    Duplicate,
}

/// An event as recorded, with its plan.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Whole, also when its body has an item of its own.
    pub event: Event,
    /// Decided when the event was stored; never changed by endpoints made later.
    pub plan: Vec<Destination>,
    /// How many other messages with the same id were dropped.
    pub duplicates: u64,
    /// When its payload was expunged; the data is an empty object since.
    pub expunged: Option<Timestamp>,
}

impl Store {
    /// Stores an event and its plan, kept until `end`, unless its id is taken.
    ///
    /// The condition decides the race between two messages with one event id, and between two
    /// receives of one message.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn take_event(
        &self,
        event: &Event,
        message_id: &str,
        plan: &[Destination],
        end: Timestamp,
    ) -> Result<Taken, Error> {
        const OPERATION: &str = "storing an event";
        let item = self
            .event_item(event, message_id, plan, expires_at(end))
            .await?;
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Taken::First),
            Err(error) => {
                let Some(PutItemError::ConditionalCheckFailedException(failed)) =
                    error.as_service_error()
                else {
                    return Err(Error::call(OPERATION)(error));
                };
                let winner = failed.item().ok_or(Error::Item {
                    operation: OPERATION,
                    what: "item",
                })?;
                if Reader::new(winner, OPERATION).text("messageId")? == message_id {
                    return Ok(Taken::Again(unpack_plan(winner)));
                }
                self.count_duplicate(event).await?;
                Ok(Taken::Duplicate)
            }
        }
    }

    /// The event; `None` when it, or its body, is forgotten.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn event(
        &self,
        network: &NetworkId,
        id: &EventId,
    ) -> Result<Option<StoredEvent>, Error> {
        const OPERATION: &str = "reading an event";
        let Some(item) = self.get(&Key::event(network, id), OPERATION).await? else {
            return Ok(None);
        };
        let reader = Reader::new(&item, OPERATION);
        let expunged = reader
            .maybe_number("expungedAt")
            .map(Timestamp::from_millis);
        let apart;
        let nothing = s("{}");
        let data = match item.get("data") {
            Some(data) => data,
            None if expunged.is_some() => &nothing,
            None => {
                let key = Key::event_body(network, id, reader.text("messageId")?);
                // The table forgets what has come to its end item by item, in whatever order.
                let Some(body) = self.get(&key, OPERATION).await? else {
                    return Ok(None);
                };
                apart = body;
                apart.get("data").ok_or_else(|| reader.bad("data"))?
            }
        };
        let data = unpack_text(data)
            .and_then(|text| RawValue::from_string(text).ok())
            .ok_or_else(|| reader.bad("data"))?;
        let event = Event {
            id: id.clone(),
            network: network.clone(),
            event_type: reader.parsed("eventType", EventType::parse)?,
            data,
            timestamp: reader.time("timestamp")?,
            version: reader.text("version")?.to_owned(),
            accepted: reader.time("accepted")?,
        };
        let duplicates = reader.maybe_number("duplicates").unwrap_or(0);
        Ok(Some(StoredEvent {
            event,
            plan: unpack_plan(&item),
            duplicates,
            expunged,
        }))
    }

    async fn event_item(
        &self,
        event: &Event,
        message_id: &str,
        plan: &[Destination],
        expires: AttributeValue,
    ) -> Result<Item, Error> {
        let mut item: Item = [
            ("messageId", s(message_id)),
            ("eventType", s(event.event_type.as_str())),
            ("timestamp", n(event.timestamp.millis())),
            ("version", s(&event.version)),
            ("accepted", n(event.accepted.millis())),
            ("expires", expires.clone()),
        ]
        .into_iter()
        .chain(Key::event(&event.network, &event.id).attributes())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        pack_plan(plan, &mut item);
        let data = pack_text(event.data.get());
        let size = data
            .as_b()
            .map_or_else(|_| event.data.get().len(), |packed| packed.as_ref().len());
        if size <= MAX_INLINE_BODY {
            item.insert("data".to_owned(), data);
        } else {
            self.put_body(event, message_id, data, expires).await?;
        }
        Ok(item)
    }

    /// Written before the event names it. Its key holds the message id, so a losing message
    /// cannot overwrite the winner's body.
    async fn put_body(
        &self,
        event: &Event,
        message_id: &str,
        data: AttributeValue,
        expires: AttributeValue,
    ) -> Result<(), Error> {
        let [pk, sk] = Key::event_body(&event.network, &event.id, message_id).attributes();
        self.client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("data", data)
            .item("expires", expires)
            .send()
            .await
            .map_err(Error::call("storing a large event body"))?;
        Ok(())
    }

    async fn count_duplicate(&self, event: &Event) -> Result<(), Error> {
        let sent = self
            .update(&Key::event(&event.network, &event.id))
            .update_expression("ADD duplicates :one")
            // An event past its retention must not come back as a counter without an event.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", n(1))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(Error::call("counting a duplicate event")(error)),
            },
        }
    }
}

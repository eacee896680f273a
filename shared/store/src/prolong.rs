//! Ends that are moved on, because what is owed must not be forgotten before it is settled.
//!
//! An end only ever moves away. The event goes first, its body before itself: whoever dies in between
//! leaves something that is kept for longer than it had to be.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::{DeliveryId, EventId, NetworkId};
use domain::time::Timestamp;

use crate::due::refused;
use crate::item::{Reader, expires_at};
use crate::key::Key;
use crate::{Error, Store};

const OPERATION: &str = "keeping what is owed";

impl Store {
    /// Keeps a delivery and its event until `end` at least.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn prolong(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        event: &EventId,
        end: Timestamp,
    ) -> Result<(), Error> {
        self.prolong_event(network, event, end).await?;
        self.move_end(&Key::delivery(network, id), end).await
    }

    /// Keeps an event with its body until `end` at least. `false` when there is none any more.
    pub(crate) async fn prolong_event(
        &self,
        network: &NetworkId,
        id: &EventId,
        end: Timestamp,
    ) -> Result<bool, Error> {
        let key = Key::event(network, id);
        let Some(item) = self.get(&key, OPERATION).await? else {
            return Ok(false);
        };
        let reader = Reader::new(&item, OPERATION);
        // Of many deliveries of one event the first has done it for all.
        if reader.end()?.seconds() >= end.seconds() {
            return Ok(true);
        }
        if !item.contains_key("data") {
            let body = Key::event_body(network, id, reader.text("messageId")?);
            self.move_end(&body, end).await?;
        }
        let update = self
            .update(&key)
            .update_expression("SET expires = :end, prolonged = :yes")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        move_end(update, end).await?;
        Ok(true)
    }

    async fn move_end(&self, key: &Key, end: Timestamp) -> Result<(), Error> {
        let update = self.update(key).update_expression("SET expires = :end");
        move_end(update, end).await
    }
}

/// Never nearer, and never of something that is gone: it would come back as an end alone.
async fn move_end(update: UpdateItemFluentBuilder, end: Timestamp) -> Result<(), Error> {
    let sent = update
        .condition_expression("attribute_exists(pk) AND expires < :end")
        .expression_attribute_values(":end", expires_at(end))
        .send()
        .await;
    match sent {
        Ok(_) => Ok(()),
        Err(error) => refused(error, OPERATION),
    }
}

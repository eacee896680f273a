use domain::event_type::EventType;
use domain::id::{EventId, NetworkId};
use domain::push::request::Content;
use domain::time::Timestamp;

use crate::item::{Reader, expires, n, s};
use crate::key::Key;
use crate::packed::{pack_text, unpack_text};
use crate::{Error, Store};

/// What an event's push is about, kept beside the event. Its targets, if it names any, ride in
/// messages until each has a record of its own.
#[derive(Debug, Clone)]
pub struct StoredPush {
    /// Of the event.
    pub event_type: EventType,
    /// When the event was accepted.
    pub accepted: Timestamp,
    /// The word of its audience.
    pub audience: String,
    /// How many people it names; 0 for a place or a broadcast.
    pub targets: u64,
    /// What they get.
    pub content: Content,
}

impl Store {
    /// Keeps what an event's push is about. Writing it again changes nothing.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn put_push(
        &self,
        network: &NetworkId,
        event: &EventId,
        push: &StoredPush,
    ) -> Result<(), Error> {
        let [pk, sk] = Key::push(network, event).attributes();
        self.client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("eventType", s(push.event_type.as_str()))
            .item("accepted", n(push.accepted.millis()))
            .item("audience", s(&push.audience))
            .item("targets", n(push.targets))
            .item("content", pack_text(&push.content.to_json()))
            .item("expires", expires(push.accepted))
            .send()
            .await
            .map_err(Error::call("storing a push"))?;
        Ok(())
    }

    /// What an event's push is about; `None` when the event has none.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn push(
        &self,
        network: &NetworkId,
        event: &EventId,
    ) -> Result<Option<StoredPush>, Error> {
        const OPERATION: &str = "reading a push";
        let Some(item) = self.get(&Key::push(network, event), OPERATION).await? else {
            return Ok(None);
        };
        let reader = Reader::new(&item, OPERATION);
        let content = item.get("content").and_then(unpack_text);
        let content = content.and_then(|text| Content::parse(&text));
        Ok(Some(StoredPush {
            event_type: reader.parsed("eventType", EventType::parse)?,
            accepted: reader.time("accepted")?,
            audience: reader.text("audience")?.to_owned(),
            targets: reader.number("targets")?,
            content: content.ok_or_else(|| reader.bad("content"))?,
        }))
    }
}

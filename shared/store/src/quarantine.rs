use domain::id::NetworkId;
use domain::time::Timestamp;

use crate::item::{Reader, expires, n, s};
use crate::key::{Key, quarantine_partition};
use crate::packed::{pack_text, unpack_text};
use crate::{Error, Store};

/// A message that could not be worked on, kept whole so that nothing handed to us is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// `None` when the message does not say whose it is.
    pub network: Option<NetworkId>,
    /// The queue it came from: `events` or `webhooks`.
    pub queue: String,
    /// Given by SQS.
    pub message_id: String,
    /// Why it could not be worked on, for its owner; cut to 1 KiB when kept.
    pub reason: String,
    /// When SQS took the message; records are ordered by it.
    pub at: Timestamp,
    /// The message's text as received; cut to 350 KiB when kept.
    pub body: String,
}

impl Store {
    /// Keeps a message; the same message again replaces its record.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn quarantine(&self, message: &Quarantined) -> Result<(), Error> {
        let [pk, sk] = Key::quarantine(
            message.network.as_ref(),
            message.at.millis(),
            &message.message_id,
        )
        .attributes();
        self.client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("queue", s(&message.queue))
            .item("messageId", s(&message.message_id))
            .item("reason", s(cut(&message.reason, MAX_REASON)))
            .item("at", n(message.at.millis()))
            .item("body", pack_text(cut(&message.body, MAX_BODY)))
            .item("expires", expires(message.at))
            .send()
            .await
            .map_err(Error::call("quarantining a message"))?;
        Ok(())
    }

    /// The newest quarantined messages of a network (`None`: of nobody), at most `limit`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_quarantined(
        &self,
        network: Option<&NetworkId>,
        limit: u16,
    ) -> Result<Vec<Quarantined>, Error> {
        const OPERATION: &str = "listing quarantined messages";
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(quarantine_partition(network)))
            .scan_index_forward(false)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let read = |item| {
            let item = Reader::new(item, OPERATION);
            Ok(Quarantined {
                network: network.cloned(),
                queue: item.text("queue")?.to_owned(),
                message_id: item.text("messageId")?.to_owned(),
                reason: item.text("reason")?.to_owned(),
                at: item.time("at")?,
                body: item
                    .item
                    .get("body")
                    .and_then(unpack_text)
                    .ok_or_else(|| item.bad("body"))?,
            })
        };
        page.items().iter().map(read).collect()
    }
}

/// An SQS message may hold 1 MiB, an item 400 KB. What we accept is at most 256 KiB, so only
/// foreign noise is ever cut.
const MAX_BODY: usize = 350 * 1024;

/// A reason can quote the message.
const MAX_REASON: usize = 1024;

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

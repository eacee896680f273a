use std::fmt;

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
    /// The queue it came from: `events`, `webhooks`, `audiences` or `pushes`; `unknown` when nobody
    /// can tell.
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

/// Names a quarantined message: when SQS took it, and which it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineId {
    at: Timestamp,
    message_id: String,
}

impl QuarantineId {
    /// Reads what `to_string` gives: `1767182400000-<message id>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (at, message_id) = text.split_once('-')?;
        let digits = at.len() == 13 && at.bytes().all(|b| b.is_ascii_digit());
        (digits && !message_id.is_empty()).then(|| Self {
            at: Timestamp::from_millis(at.parse().unwrap_or_default()),
            message_id: message_id.to_owned(),
        })
    }

    fn order(&self) -> String {
        Key::quarantine(None, self.at.millis(), &self.message_id).sk
    }
}

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{}", self.at.millis(), self.message_id)
    }
}

impl Quarantined {
    /// Its name within its network.
    #[must_use]
    pub fn id(&self) -> QuarantineId {
        QuarantineId {
            at: self.at,
            message_id: self.message_id.clone(),
        }
    }
}

/// Newest first.
#[derive(Debug, Clone)]
pub struct QuarantinePage {
    /// At most the limit asked for.
    pub messages: Vec<Quarantined>,
    /// Where the next page starts; `None` when there is none.
    pub next: Option<QuarantineId>,
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

    /// Quarantined messages of a network (`None`: of nobody) older than `before`, newest first, at
    /// most `limit`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_quarantined(
        &self,
        network: Option<&NetworkId>,
        before: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<QuarantinePage, Error> {
        const OPERATION: &str = "listing quarantined messages";
        let before = before.map_or_else(|| "~".to_owned(), QuarantineId::order);
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", s(quarantine_partition(network)))
            .expression_attribute_values(":before", s(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let items = page.items().iter();
        let messages = items.map(|item| read(&Reader::new(item, OPERATION), network));
        let messages: Vec<_> = messages.collect::<Result<_, _>>()?;
        let more = page.last_evaluated_key().is_some();
        let next = messages.last().filter(|_| more).map(Quarantined::id);
        Ok(QuarantinePage { messages, next })
    }

    /// One quarantined message of a network (`None`: of nobody).
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn quarantined(
        &self,
        network: Option<&NetworkId>,
        id: &QuarantineId,
    ) -> Result<Option<Quarantined>, Error> {
        const OPERATION: &str = "reading a quarantined message";
        let key = Key::quarantine(network, id.at.millis(), &id.message_id);
        let item = self.get(&key, OPERATION).await?;
        item.map(|item| read(&Reader::new(&item, OPERATION), network))
            .transpose()
    }

    /// Forgets a quarantined message: it went back to its queue, or nobody wants it.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn forget_quarantined(
        &self,
        network: Option<&NetworkId>,
        id: &QuarantineId,
    ) -> Result<(), Error> {
        let key = Key::quarantine(network, id.at.millis(), &id.message_id);
        let [pk, sk] = key.attributes();
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .send()
            .await
            .map_err(Error::call("forgetting a quarantined message"))?;
        Ok(())
    }
}

fn read(item: &Reader<'_>, network: Option<&NetworkId>) -> Result<Quarantined, Error> {
    let body = item.item.get("body").and_then(unpack_text);
    Ok(Quarantined {
        network: network.cloned(),
        queue: item.text("queue")?.to_owned(),
        message_id: item.text("messageId")?.to_owned(),
        reason: item.text("reason")?.to_owned(),
        at: item.time("at")?,
        body: body.ok_or_else(|| item.bad("body"))?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_and_nothing_else_is_one() {
        let text = "1767182400000-8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        let id = QuarantineId::parse(text).unwrap();
        assert_eq!(id.to_string(), text);
        for bad in ["", "1767182400000", "1767182400000-", "now-x", "1-x"] {
            assert_eq!(QuarantineId::parse(bad), None, "{bad}");
        }
    }
}

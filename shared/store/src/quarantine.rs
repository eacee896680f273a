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
    /// The queue it came from: `events`, `webhooks`, `replays`, `audiences` or `pushes`; `unknown`
    /// when nobody can tell.
    pub queue: String,
    /// Given by SQS.
    pub message_id: String,
    /// Why it could not be worked on, for its owner; cut to 1 KiB when kept.
    pub reason: String,
    /// When SQS took the message; records are ordered by it.
    pub at: Timestamp,
    /// The message's text as received.
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
        let network = message.network.as_ref();
        let name = (message.at.millis(), message.message_id.as_str());
        let mut parts = parts(&message.body);
        let first = parts.next().unwrap_or_default();
        // Before the record, which says how many there are.
        let mut more = 0_usize;
        for text in parts {
            more += 1;
            let [pk, sk] = Key::quarantine_part(network, name, more).attributes();
            self.client
                .put_item()
                .table_name(&self.table)
                .item(pk.0, pk.1)
                .item(sk.0, sk.1)
                .item("body", pack_text(text))
                .item("expires", expires(message.at))
                .send()
                .await
                .map_err(Error::call("quarantining a long message"))?;
        }
        let [pk, sk] = Key::quarantine(network, name.0, name.1).attributes();
        self.client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("queue", s(&message.queue))
            .item("messageId", s(&message.message_id))
            .item("reason", s(cut(&message.reason, MAX_REASON)))
            .item("at", n(message.at.millis()))
            .item("body", pack_text(first))
            .item("parts", n(more))
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
        let mut messages = Vec::with_capacity(page.items().len());
        for item in page.items() {
            messages.push(self.whole(&Reader::new(item, OPERATION), network).await?);
        }
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
        let Some(item) = self.get(&key, OPERATION).await? else {
            return Ok(None);
        };
        let reader = Reader::new(&item, OPERATION);
        self.whole(&reader, network).await.map(Some)
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
        const OPERATION: &str = "forgetting a quarantined message";
        let name = (id.at.millis(), id.message_id.as_str());
        let record = Key::quarantine(network, name.0, name.1);
        let found = self.get(&record, OPERATION).await?;
        let more = found.map_or(0, |item| more_parts(&Reader::new(&item, OPERATION)));
        // The record last, so that whoever comes again finds how many parts there are.
        let parts = (1..=more).map(|part| Key::quarantine_part(network, name, part));
        for key in parts.chain([record]) {
            self.forget(key, OPERATION).await?;
        }
        Ok(())
    }

    /// The message of a record, with the parts of its text that lie elsewhere.
    async fn whole(
        &self,
        item: &Reader<'_>,
        network: Option<&NetworkId>,
    ) -> Result<Quarantined, Error> {
        let mut message = read(item, network)?;
        let at = message.at.millis();
        for part in 1..=more_parts(item) {
            let key = Key::quarantine_part(network, (at, &message.message_id), part);
            let found = self.get(&key, item.operation).await?;
            let text = found.and_then(|found| unpack_text(found.get("body")?));
            message.body += &text.ok_or_else(|| item.bad("parts"))?;
        }
        Ok(message)
    }
}

/// How many parts there are beside the first.
fn more_parts(item: &Reader<'_>) -> usize {
    let more = item.maybe_number("parts").unwrap_or_default();
    usize::try_from(more).unwrap_or_default()
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

/// An SQS message may hold 1 MiB, an item 400 KB: a text longer than this lies in several.
const MAX_PART: usize = 350 * 1024;

/// A reason can quote the message.
const MAX_REASON: usize = 1024;

/// The text in pieces that have room in an item.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let part = cut(rest, MAX_PART);
        rest = rest.get(part.len()..).unwrap_or_default();
        (!part.is_empty()).then_some(part)
    })
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_lies_in_parts_and_loses_no_letter() {
        for length in [0, 1, MAX_PART, MAX_PART + 1, 3 * MAX_PART] {
            // Two bytes a letter behind one of one byte, so that a border falls within a letter.
            let text = format!("x{}", "é".repeat(length / 2));
            let pieces: Vec<_> = parts(&text).collect();
            assert_eq!(pieces.concat(), text);
            assert!(pieces.len() <= text.len() / MAX_PART + 1);
            assert!(pieces.iter().all(|piece| piece.len() <= MAX_PART));
        }
        assert_eq!(parts("").count(), 0);
    }

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

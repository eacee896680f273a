//! Attempts as they are kept inside their delivery, and whole answers in records of their own.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::attempt::{Attempt, Outcome, Response, Timing, Tls};
use domain::id::{DeliveryId, NetworkId};
use domain::time::Timestamp;

use crate::deliveries::OPERATION;
use crate::item::{Item, Reader, expires_at, n, s};
use crate::key::Key;
use crate::packed::{pack_text, unpack_text};
use crate::{Error, Store};

impl Store {
    /// Keeps the whole answer to an attempt until `end`; the attempt itself keeps an excerpt. Nothing is kept of a delivery that was expunged, however late
    /// the answer is.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn keep_response(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
        response: &Response,
        end: Timestamp,
    ) -> Result<(), Error> {
        const OPERATION: &str = "keeping an answer";
        let key = Key::response(network, id, number);
        let [pk, sk] = key.attributes();
        self.client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("head", pack_text(&write_headers(&response.headers)))
            .item("body", pack_text(&response.body))
            .item("cut", AttributeValue::Bool(response.truncated))
            .item("expires", expires_at(end))
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        // An expunge marks the delivery before it deletes the answers: either it finds this one, or
        // its mark is found here.
        let delivery = self.get(&Key::delivery(network, id), OPERATION).await?;
        if delivery.is_some_and(|delivery| delivery.contains_key("expungedAt")) {
            self.forget(key, OPERATION).await?;
        }
        Ok(())
    }

    /// The whole answer to an attempt; `None` when its excerpt is all there was, or all that its
    /// endpoint keeps.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn response(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
    ) -> Result<Option<Response>, Error> {
        const OPERATION: &str = "reading an answer";
        let key = Key::response(network, id, number);
        let Some(item) = self.get(&key, OPERATION).await? else {
            return Ok(None);
        };
        let reader = Reader::new(&item, OPERATION);
        let text = |name| item.get(name).and_then(unpack_text);
        Ok(Some(Response {
            headers: read_headers(&text("head").ok_or_else(|| reader.bad("head"))?),
            body: text("body").ok_or_else(|| reader.bad("body"))?,
            truncated: reader.flag("cut")?,
        }))
    }
}

/// Attempts are a list inside the delivery, so their names are short.
pub(crate) fn write_attempt(attempt: &Attempt) -> AttributeValue {
    let mut entry: Item = [
        ("n", n(attempt.number)),
        ("at", n(attempt.at.millis())),
        ("ms", write_timing(attempt.timing)),
        ("why", s(&attempt.reason)),
        ("say", s(&attempt.explanation)),
        (
            "ok",
            AttributeValue::Bool(attempt.outcome == Outcome::Succeeded),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let mut set = |name: &str, value: Option<AttributeValue>| {
        if let Some(value) = value {
            entry.insert(name.to_owned(), value);
        }
    };
    set("status", attempt.status.map(n));
    set("ip", attempt.address.map(|address| s(address.to_string())));
    if let Some(tls) = &attempt.tls {
        set("tls", Some(s(&tls.version)));
        set("cert", tls.not_after.map(|at| n(at.seconds())));
    }
    if let Some(response) = &attempt.response {
        let some = |text: &str| (!text.is_empty()).then(|| s(text));
        set("got", some(&response.body));
        set("head", some(&write_headers(&response.headers)));
        set(
            "cut",
            response.truncated.then_some(AttributeValue::Bool(true)),
        );
    }
    AttributeValue::M(entry)
}

pub(crate) fn read_attempt(value: &AttributeValue) -> Result<Attempt, Error> {
    let entry = value.as_m().map_err(|_| Error::Item {
        operation: OPERATION,
        what: "log",
    })?;
    let entry = Reader::new(entry, OPERATION);
    let status = entry.maybe_number("status");
    Ok(Attempt {
        number: entry.small("n")?,
        at: entry.time("at")?,
        timing: read_timing(&entry)?,
        address: entry.maybe_text("ip").and_then(|text| text.parse().ok()),
        tls: entry.maybe_text("tls").map(|version| Tls {
            version: version.to_owned(),
            not_after: entry
                .maybe_number("cert")
                .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))),
        }),
        outcome: if entry.flag("ok")? {
            Outcome::Succeeded
        } else {
            Outcome::Failed
        },
        status: status.and_then(|status| u16::try_from(status).ok()),
        reason: entry.text("why")?.to_owned(),
        explanation: entry.text("say")?.to_owned(),
        response: read_excerpt(&entry),
    })
}

/// One text instead of five numbers: `total/first byte/dns/connect/tls`, empty where unknown.
fn write_timing(timing: Timing) -> AttributeValue {
    let Timing {
        dns,
        connect,
        tls,
        first_byte,
        total,
    } = timing;
    let stages = [Some(total), first_byte, dns, connect, tls];
    let texts = stages.map(|stage| stage.map(|ms| ms.to_string()).unwrap_or_default());
    s(texts.join("/").trim_end_matches('/'))
}

fn read_timing(entry: &Reader<'_>) -> Result<Timing, Error> {
    let mut stages = entry.text("ms")?.split('/').map(|text| text.parse().ok());
    let mut next = || stages.next().flatten();
    Ok(Timing {
        total: next().ok_or_else(|| entry.bad("ms"))?,
        first_byte: next(),
        dns: next(),
        connect: next(),
        tls: next(),
    })
}

fn read_excerpt(entry: &Reader<'_>) -> Option<Response> {
    let response = Response {
        headers: read_headers(entry.maybe_text("head").unwrap_or_default()),
        body: entry.maybe_text("got").unwrap_or_default().to_owned(),
        truncated: entry.flag("cut").unwrap_or(false),
    };
    (!response.is_empty() || response.truncated).then_some(response)
}

/// As HTTP/1 writes them, one per line; names and values hold no line end.
fn write_headers(headers: &[(String, String)]) -> String {
    let lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.join("\n")
}

fn read_headers(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_back_as_they_were() {
        let bare = Attempt {
            number: 1,
            at: Timestamp::from_millis(5),
            timing: Timing {
                total: 7,
                ..Timing::default()
            },
            address: None,
            tls: None,
            outcome: Outcome::Failed,
            status: None,
            reason: "dns_failed".to_owned(),
            explanation: "the host name could not be resolved".to_owned(),
            response: None,
        };
        let full = Attempt {
            timing: Timing {
                dns: Some(1),
                connect: None,
                tls: Some(3),
                first_byte: Some(4),
                total: 5,
            },
            address: Some([192, 0, 2, 7].into()),
            tls: Some(Tls {
                version: "TLS 1.3".to_owned(),
                not_after: Some(Timestamp::from_millis(9_000)),
            }),
            outcome: Outcome::Succeeded,
            status: Some(200),
            response: Some(Response {
                headers: vec![
                    ("server".to_owned(), "a: b".to_owned()),
                    ("x".to_owned(), String::new()),
                ],
                body: "line\nline".to_owned(),
                truncated: true,
            }),
            ..bare.clone()
        };
        for attempt in [bare, full] {
            assert_eq!(read_attempt(&write_attempt(&attempt)).unwrap(), attempt);
        }
    }
}

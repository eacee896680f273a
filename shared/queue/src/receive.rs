use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::time::Timestamp;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};

/// One received message.
#[derive(Debug, Clone)]
pub struct Record {
    /// Given by SQS; empty when it sent none.
    pub message_id: String,
    /// Empty when SQS sent none.
    pub body: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// When SQS took it: the moment an event was accepted.
    pub sent: Timestamp,
    /// When it was received first; as good as the moment it was sent when SQS does not say.
    pub first_received: Timestamp,
    /// The fair-queue group it was sent in, when known.
    pub group: Option<String>,
}

/// Works on every record concurrently and in isolation: a failing or panicking record yields its
/// own `Err` and harms nobody else. The results are in the batch's order.
pub async fn each_record<T, F, Fut>(batch: SqsEvent, work: F) -> Vec<(String, Result<T, String>)>
where
    F: Fn(Record) -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let work = &work;
    let records = batch.records.into_iter().map(|message| {
        let record = read(message);
        let id = record.message_id.clone();
        // Boxed, because a future is moved each time that it is put into another one.
        Box::pin(async move {
            // `work` only holds shared references to caches that are valid between any two steps,
            // so a panic half-way leaves nothing broken behind.
            let result = AssertUnwindSafe(async { work(record).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err("the record made its handler panic".to_owned()));
            (id, result)
        })
    });
    // Not `join_all`, which looks at every record of a small batch whenever one of them can go on.
    records.collect::<FuturesOrdered<_>>().collect().await
}

/// The batch's answer: SQS deletes every record that is not named here. A failure whose record has
/// no id fails the whole batch, because an empty identifier means exactly that to Lambda.
#[must_use]
pub fn respond<'a>(failed: impl Iterator<Item = &'a str>) -> SqsBatchResponse {
    let failures = failed.map(|id| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id.to_owned();
        failure
    });
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.collect();
    response
}

fn read(message: SqsMessage) -> Record {
    let number = |name: &str| attribute(&message.attributes, name)?.parse::<u64>().ok();
    let sent = Timestamp::from_millis(number("SentTimestamp").unwrap_or_default());
    let first_received = number("ApproximateFirstReceiveTimestamp").map(Timestamp::from_millis);
    Record {
        receive_count: number("ApproximateReceiveCount")
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        sent,
        first_received: first_received.unwrap_or(sent),
        group: attribute(&message.attributes, "MessageGroupId").map(str::to_owned),
        message_id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    }
}

fn attribute<'a>(attributes: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    attributes.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[&str]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| serde_json::json!({ "messageId": format!("m{n}"), "body": body, "attributes": { "ApproximateReceiveCount": "3", "SentTimestamp": "1000", "MessageGroupId": "g" }, "messageAttributes": {} }))
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    #[tokio::test]
    async fn a_failing_and_a_panicking_record_harm_only_themselves() {
        let results = each_record(
            batch(&["good", "fails", "panics", "good"]),
            |record| async move {
                assert_eq!(
                    (
                        record.receive_count,
                        record.sent.millis(),
                        record.group.as_deref()
                    ),
                    (3, 1000, Some("g"))
                );
                match record.body.as_str() {
                    "fails" => Err("no luck".to_owned()),
                    "panics" => panic!("bad record"),
                    _ => Ok(record.message_id),
                }
            },
        )
        .await;
        let failed: Vec<_> = results
            .iter()
            .filter(|(_, r)| r.is_err())
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(failed, ["m1", "m2"]);
        let answer = respond(failed.into_iter());
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            serde_json::json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }, { "itemIdentifier": "m2" }] })
        );
    }
}

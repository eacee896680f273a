use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::stream::{self, StreamExt as _};

/// SQS's longest delay (`DelaySeconds` ≤ 900).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// SQS: at most 10 entries per batch.
const MAX_ENTRIES: usize = 10;

/// SQS: at most 1 MiB per batch; a little is left for attributes.
const MAX_BATCH_BYTES: usize = 1024 * 1024 - 16 * 1024;

/// Batches sent at the same time: enough to hide the way to SQS and back, few enough to bound the
/// memory that their copies take.
const IN_FLIGHT: usize = 8;

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The message's text, as [`message`](crate::message) writes it.
    pub body: String,
    /// Fair-queue group: no group's backlog delays another's messages.
    pub group: String,
    /// Held back this long, rounded up to whole seconds and at most [`MAX_DELAY`].
    pub delay: Duration,
}

/// One queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// Why a message was not taken.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the queue did not take the message: {0}")]
pub struct SendError(String);

impl Queue {
    /// `url` is the queue's URL at SQS; makes no call yet.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// Sends all messages in as few calls as possible, batches in parallel. The answer has one
    /// result per message, in order; `Ok` means that SQS has stored it.
    pub async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), SendError>> {
        let sends: Vec<_> = batches(messages)
            .into_iter()
            .map(|batch| self.send_batch(batch))
            .collect();
        let sent: Vec<_> = stream::iter(sends).buffered(IN_FLIGHT).collect().await;
        sent.into_iter().flatten().collect()
    }

    async fn send_batch(&self, messages: &[Outgoing]) -> Vec<Result<(), SendError>> {
        let mut call = self.client.send_message_batch().queue_url(&self.url);
        for (index, message) in messages.iter().enumerate() {
            call = match entry(index, message) {
                Ok(entry) => call.entries(entry),
                Err(error) => return vec![Err(error); messages.len()],
            };
        }
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) => return vec![Err(describe(&error)); messages.len()],
        };
        let mut results = vec![Ok(()); messages.len()];
        for failed in answer.failed() {
            let slot = failed
                .id()
                .parse()
                .ok()
                .and_then(|index: usize| results.get_mut(index));
            if let Some(slot) = slot {
                *slot = Err(SendError(failed.code().to_owned()));
            }
        }
        results
    }
}

fn entry(index: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, SendError> {
    let seconds = message.delay.min(MAX_DELAY).as_millis().div_ceil(1000);
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .message_group_id(&message.group);
    if seconds > 0 {
        entry = entry.delay_seconds(i32::try_from(seconds).unwrap_or(900));
    }
    entry.build().map_err(|error| SendError(error.to_string()))
}

fn describe<E: std::error::Error + aws_sdk_sqs::error::ProvideErrorMetadata>(
    error: &SdkError<E>,
) -> SendError {
    // Only a word: the SDK's full error can hold the request, and with it the event.
    let word = match error {
        SdkError::ServiceError(context) => context.err().code().unwrap_or("refused"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ConstructionFailure(_) | SdkError::ResponseError(_) | _ => "no usable answer",
    };
    SendError(word.to_owned())
}

/// Cuts messages into runs that each fit one batch.
fn batches(messages: &[Outgoing]) -> Vec<&[Outgoing]> {
    let mut batches = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take(MAX_ENTRIES).take_while(|message| {
            bytes += message.body.len();
            bytes <= MAX_BATCH_BYTES
        });
        // A single message larger than the limit goes alone and is refused by SQS by name.
        let (batch, later) = rest.split_at(fitting.count().max(1));
        batches.push(batch);
        rest = later;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_keep_order_lose_nothing_and_fit(sizes in proptest::collection::vec(0_usize..400_000, 0..60)) {
            let messages: Vec<_> = sizes.iter().map(|size| Outgoing { body: "x".repeat(*size), group: String::new(), delay: Duration::ZERO }).collect();
            let cut = batches(&messages);
            prop_assert_eq!(cut.iter().flat_map(|batch| batch.iter()).map(|m| m.body.len()).collect::<Vec<_>>(), sizes);
            for batch in cut {
                prop_assert!(!batch.is_empty() && batch.len() <= MAX_ENTRIES);
                prop_assert!(batch.iter().map(|m| m.body.len()).sum::<usize>() <= MAX_BATCH_BYTES);
            }
        }
    }

    #[test]
    fn delays_are_whole_seconds_within_the_limit() {
        for (millis, seconds) in [
            (0, None),
            (1, Some(1)),
            (4_001, Some(5)),
            (900_000, Some(900)),
            (7_200_000, Some(900)),
        ] {
            let message = Outgoing {
                body: "x".to_owned(),
                group: "g".to_owned(),
                delay: Duration::from_millis(millis),
            };
            assert_eq!(
                entry(0, &message).unwrap().delay_seconds(),
                seconds,
                "{millis}"
            );
        }
    }
}

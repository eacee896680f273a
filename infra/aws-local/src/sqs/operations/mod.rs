//! The operations of the JSON protocol: decode, check, do, answer.

mod messages;
mod queues;
mod receiving;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Sqs;
use super::error::{Code, SqsError};
use crate::protocol::{JSON_1_0, Reply, unknown_operation};

/// Every operation this service answers.
pub(crate) const OPERATIONS: &[&str] = &[
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
];

impl Sqs {
    pub(crate) async fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let answer = match operation {
            "ChangeMessageVisibility" => {
                run(body, |request| self.change_message_visibility(request)).await
            }
            "ChangeMessageVisibilityBatch" => {
                run(body, |request| {
                    self.change_message_visibility_batch(request)
                })
                .await
            }
            "CreateQueue" => run(body, |request| self.create(request)).await,
            "DeleteMessage" => run(body, |request| self.delete_message(request)).await,
            "DeleteMessageBatch" => run(body, |request| self.delete_message_batch(request)).await,
            "DeleteQueue" => run(body, |request| self.delete_queue(request)).await,
            "GetQueueAttributes" => {
                run(body, async |request| self.get_queue_attributes(&request)).await
            }
            "GetQueueUrl" => run(body, async |request| self.get_queue_url(&request)).await,
            "ListDeadLetterSourceQueues" => {
                run(body, async |request| self.list_sources(&request)).await
            }
            "ListQueues" => run(body, async |request| self.list_queues(&request)).await,
            "PurgeQueue" => run(body, |request| self.purge_queue(request)).await,
            "ReceiveMessage" => run(body, |request| self.receive_message(request)).await,
            "SendMessage" => run(body, |request| self.send_message(request)).await,
            "SendMessageBatch" => run(body, |request| self.send_message_batch(request)).await,
            "SetQueueAttributes" => run(body, |request| self.set_queue_attributes(request)).await,
            _ => {
                return unknown_operation(&format!(
                    "SQS operation {operation} is not part of this local service"
                ));
            }
        };
        answer.unwrap_or_else(|error| error.reply())
    }
}

async fn run<R: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl AsyncFnOnce(R) -> Result<A, SqsError>,
) -> Result<Reply, SqsError> {
    let request = serde_json::from_slice(body).map_err(|error| refuse(&error))?;
    operation(request)
        .await
        .map(|answer| Reply::json(JSON_1_0, &answer))
}

/// A member that is missing is a missing parameter; anything else is no JSON of this protocol.
fn refuse(error: &serde_json::Error) -> SqsError {
    let problem = error.to_string();
    let missing = problem
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    missing.map_or_else(
        || SqsError::new(Code::Serialization, &*problem),
        SqsError::missing,
    )
}

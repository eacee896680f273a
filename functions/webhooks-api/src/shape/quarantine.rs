//! Messages that could not be worked on.

use serde::Serialize;
use store::Quarantined;
use utoipa::ToSchema;

/// A message that could not be worked on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuarantinedMessage {
    #[schema(example = "1767182400000-8476a536-e9f4-11e8-9739-2dfe598c3fcd")]
    pub(crate) id: String,
    /// The queue it came from: `events`, `webhooks` or `unknown`.
    pub(crate) queue: String,
    /// Given by SQS.
    pub(crate) message_id: String,
    /// Why it could not be worked on.
    pub(crate) reason: String,
    /// What happened and what can be done, for people.
    pub(crate) explanation: String,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// In a list, its first 2,000 characters.
    pub(crate) body: String,
    /// Length of the whole body.
    pub(crate) body_bytes: usize,
}

/// Enough to recognise a message; two hundred of them fit one answer.
const BODY_SHOWN: usize = 2_000;

impl QuarantinedMessage {
    /// With the start of its body.
    pub(crate) fn start(message: &Quarantined) -> Self {
        Self {
            body: message.body.chars().take(BODY_SHOWN).collect(),
            ..Self::whole(message)
        }
    }

    /// With its whole body.
    pub(crate) fn whole(message: &Quarantined) -> Self {
        let what = match message.queue.as_str() {
            "events" => {
                "an event that could not be taken in; if its producer is mended and reported it again, discard it; else mend the cause and replay it"
            }
            "webhooks" => {
                "a message between our own functions that no version understood; the delivery it was about is still owed by its own record; replay it after an upgrade, or discard it"
            }
            _ => {
                "a message of no known kind; somebody else may write to our queues; discard it once you know who"
            }
        };
        Self {
            id: message.id().to_string(),
            queue: message.queue.clone(),
            message_id: message.message_id.clone(),
            reason: message.reason.clone(),
            explanation: match &message.network {
                Some(_) => what.to_owned(),
                None => format!("it names no network, so only the operator sees it: {what}"),
            },
            at: message.at.to_string(),
            body: message.body.clone(),
            body_bytes: message.body.len(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuarantinePage)]
pub(crate) struct QuarantinePageBody {
    pub(crate) items: Vec<QuarantinedMessage>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

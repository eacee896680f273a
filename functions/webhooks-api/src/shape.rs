//! The JSON of this API.

use domain::attempt::{Attempt, Outcome};
use domain::delivery::State;
use domain::endpoint::Endpoint;
use serde::{Deserialize, Serialize};
use store::{Delivery, Quarantined};
use utoipa::ToSchema;

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateEndpoint {
    /// https, a public address, no user info, no secret in the query.
    #[schema(example = "https://example.com/fanfare", max_length = 2048)]
    pub(crate) url: String,
    #[serde(default)]
    #[schema(max_length = 256)]
    pub(crate) description: Option<String>,
    /// Patterns: `*`, a prefix such as `v3.post.*`, or exact names. All types if absent.
    #[serde(default = "all_types")]
    #[schema(example = json!(["message.*", "user.didFlag"]), min_items = 1, max_items = 100)]
    pub(crate) event_types: Vec<String>,
    #[serde(default = "enabled")]
    pub(crate) enabled: bool,
}

fn all_types() -> Vec<String> {
    vec!["*".to_owned()]
}

fn enabled() -> bool {
    true
}

/// Changes to an endpoint; fields left out stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateEndpoint {
    #[serde(default)]
    #[schema(max_length = 2048)]
    pub(crate) url: Option<String>,
    /// An empty text removes it.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    pub(crate) event_types: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
}

/// An endpoint. Its secret is never part of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Endpoint)]
pub(crate) struct EndpointBody {
    #[schema(example = "ep_01JD8Z6V5QK3M7N9P2R4S6T8V0")]
    pub(crate) id: String,
    pub(crate) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) event_types: Vec<String>,
    pub(crate) enabled: bool,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

impl EndpointBody {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            event_types: endpoint
                .event_types
                .iter()
                .map(ToString::to_string)
                .collect(),
            enabled: endpoint.enabled,
            created_at: endpoint.created.to_string(),
            updated_at: endpoint.updated.to_string(),
        }
    }
}

/// A new endpoint with its signing secret, shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedEndpoint {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointBody,
    /// Keep it where your receiver can read it; it cannot be shown again.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    pub(crate) secret: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointPage {
    pub(crate) items: Vec<EndpointBody>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    #[schema(example = "dlv_01JD8Z6V5QK3M7N9P2R4S6T8V00CXF3W9T2J4B6D8F0H2K4M6P8R")]
    pub(crate) id: String,
    pub(crate) endpoint_id: String,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) status: DeliveryStatus,
    #[schema(format = DateTime)]
    pub(crate) accepted_at: String,
    /// When the next attempt is due; absent before the first and after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_attempt_at: Option<String>,
    /// Oldest first.
    pub(crate) attempts: Vec<AttemptBody>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeliveryStatus {
    /// Owed: waiting for its first or next attempt.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// Every attempt failed.
    Dead,
}

/// One call to the receiver.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
pub(crate) struct AttemptBody {
    pub(crate) number: u32,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    pub(crate) duration_ms: u32,
    pub(crate) succeeded: bool,
    /// The HTTP status, when there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// A stable word, e.g. `succeeded`, `http_status`, `dns_failed`, `deadline_exceeded`.
    pub(crate) reason: String,
    /// The same for people.
    pub(crate) explanation: String,
    /// The start of the answer's body, for failed attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<String>,
}

impl DeliveryBody {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let (status, next) = match delivery.state {
            State::Pending { next_attempt } => (DeliveryStatus::Pending, next_attempt),
            State::Delivered => (DeliveryStatus::Delivered, None),
            State::Dead => (DeliveryStatus::Dead, None),
        };
        Self {
            id: delivery.id.to_string(),
            endpoint_id: delivery.id.endpoint().to_string(),
            event_id: delivery.event.to_string(),
            event_type: delivery.event_type.to_string(),
            status,
            accepted_at: delivery.id.accepted().to_string(),
            next_attempt_at: next.map(|at| at.to_string()),
            attempts: delivery.attempts.iter().map(AttemptBody::of).collect(),
        }
    }
}

impl AttemptBody {
    fn of(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: attempt.duration_ms,
            succeeded: attempt.outcome == Outcome::Succeeded,
            status: attempt.status,
            reason: attempt.reason.clone(),
            explanation: attempt.explanation.clone(),
            response: attempt.response.clone(),
        }
    }
}

/// Newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryPageBody {
    pub(crate) items: Vec<DeliveryBody>,
    /// Pass it as `cursor` for the next page; absent on the last. A page can be short, even empty,
    /// and still have one, when few deliveries have the status asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// A message that could not be worked on, kept whole.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuarantinedMessage {
    /// The queue it came from.
    pub(crate) queue: String,
    pub(crate) message_id: String,
    /// Why it could not be worked on.
    pub(crate) reason: String,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// The first 2,000 characters.
    pub(crate) body: String,
    /// Length of the whole body; the table keeps it.
    pub(crate) body_bytes: usize,
}

/// Enough to recognise a message; two hundred of them fit one answer.
const BODY_SHOWN: usize = 2_000;

impl QuarantinedMessage {
    pub(crate) fn of(message: Quarantined) -> Self {
        Self {
            queue: message.queue,
            message_id: message.message_id,
            reason: message.reason,
            at: message.at.to_string(),
            body_bytes: message.body.len(),
            body: message.body.chars().take(BODY_SHOWN).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantinePage {
    pub(crate) items: Vec<QuarantinedMessage>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    pub(crate) status: &'static str,
    pub(crate) version: &'static str,
}

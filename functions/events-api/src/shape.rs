//! The JSON of this API.

pub(crate) mod push;

use domain::attempt::{Attempt, Outcome};
use domain::delivery::State;
use domain::event::{Draft, Origin};
use http_api::ProblemBody;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An event to report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = EventRequest)]
pub(crate) struct EventRequest<'a> {
    /// Your idempotency key, and the `webhook-id` receivers see. Generated when absent.
    /// 1 to 128 letters, digits, underscores, colons or hyphens.
    #[serde(default)]
    #[schema(
        example = "order-1001-paid",
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9_:-]+$"
    )]
    pub(crate) id: Option<String>,
    /// A catalogue name or your own.
    #[schema(
        example = "message.didCreate",
        min_length = 1,
        max_length = 128,
        pattern = r"^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*$"
    )]
    pub(crate) event: String,
    /// Handed to receivers byte for byte.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    pub(crate) data: &'a RawValue,
    /// When it happened, RFC 3339; when it was accepted if absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub(crate) timestamp: Option<String>,
    /// Version of your event's schema; `1` if absent.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 32)]
    pub(crate) version: Option<String>,
    /// Push it to phones, too.
    #[serde(borrow, default)]
    #[schema(value_type = PushRequest)]
    pub(crate) push: Option<&'a RawValue>,
}

impl EventRequest<'_> {
    pub(crate) fn draft(&self) -> Draft<'_> {
        Draft {
            id: self.id.as_deref(),
            event: &self.event,
            data: self.data,
            timestamp: self.timestamp.as_deref(),
            version: self.version.as_deref(),
            push: self.push,
            origin: Origin::Producer,
        }
    }
}

/// A push to make of the event. Who gets it: `targetIds`, or the subscribers of the channel or
/// community named, or with `broadcast` everyone who has a device. The gates decide for each.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase", as = PushRequest)]
#[expect(
    dead_code,
    reason = "only the OpenAPI document uses it; `domain` parses the push"
)]
pub(crate) struct PushRequest {
    /// Users, each told once.
    #[schema(min_items = 1, max_items = 10_000)]
    target_ids: Option<Vec<String>>,
    /// The channel it comes from: its mode and its users' settings decide too.
    #[schema(max_length = 900)]
    channel_id: Option<String>,
    /// The same for a community.
    #[schema(max_length = 900)]
    community_id: Option<String>,
    /// Everyone who has a device.
    broadcast: Option<bool>,
    /// The notifiable event, when it has another name than the event itself.
    #[schema(example = "post.created")]
    event: Option<String>,
    /// Who did it.
    #[schema(max_length = 256)]
    sender_id: Option<String>,
    /// Their roles, for the event's role filter.
    #[schema(max_items = 100)]
    sender_role_ids: Option<Vec<String>>,
    /// Values of the placeholders of the event's texts.
    params: Option<std::collections::BTreeMap<String, String>>,
    /// Instead of the event's title.
    #[schema(min_length = 1, max_length = 1000)]
    title: Option<String>,
    /// Instead of the event's body; required when the event is not a notifiable one.
    #[schema(min_length = 1, max_length = 5000)]
    body: Option<String>,
    /// For the application.
    data: Option<std::collections::BTreeMap<String, String>>,
    /// Number on the icon.
    #[schema(maximum = 99_999)]
    badge: Option<u32>,
    /// Name of a sound.
    #[schema(min_length = 1, max_length = 100)]
    sound: Option<String>,
    /// Replaces an earlier push of the same id; up to 64 bytes.
    #[schema(min_length = 1, max_length = 64)]
    collapse_id: Option<String>,
    /// For how long it is worth delivering.
    #[schema(maximum = 2_419_200)]
    ttl_seconds: Option<u32>,
    /// `high` if absent.
    priority: Option<PushPriority>,
    /// Wakes the application and shows nothing.
    silent: Option<bool>,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the OpenAPI document uses it")]
pub(crate) enum PushPriority {
    High,
    Normal,
}

/// One event, or 1 to 100 of them.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(as = EventsRequest)]
#[expect(
    dead_code,
    reason = "only the OpenAPI document uses it; the body is parsed by its first character"
)]
pub(crate) enum EventsRequest<'a> {
    One(EventRequest<'a>),
    Many(Vec<EventRequest<'a>>),
}

/// The event is stored and will be delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedEvent {
    #[schema(example = "evt_01JD8Z6V5QK3M7N9P2R4S6T8V0")]
    pub(crate) id: String,
}

/// What became of one item of an array: its `id`, or the problem with it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EventItem {
    Accepted(AcceptedEvent),
    Refused { error: ProblemBody },
}

/// One item per item sent, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedEvents {
    pub(crate) items: Vec<EventItem>,
}

/// An answer to `POST /events`: for one event its id, for an array its items.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the OpenAPI document uses it")]
pub(crate) enum EventsAccepted {
    One(AcceptedEvent),
    Many(AcceptedEvents),
}

/// An event and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventDetail {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) network_id: String,
    #[schema(format = DateTime)]
    pub(crate) timestamp: String,
    pub(crate) version: String,
    #[schema(format = DateTime)]
    pub(crate) accepted_at: String,
    #[schema(value_type = Object)]
    pub(crate) data: Box<RawValue>,
    /// When the payload was expunged; `data` is an empty object since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) expunged_at: Option<String>,
    /// How many later messages with the same id were dropped.
    pub(crate) duplicates_dropped: u64,
    /// How many endpoints asked for this type when it was accepted.
    pub(crate) destination_count: usize,
    /// The first 100 of them.
    pub(crate) destinations: Vec<Destination>,
}

/// What one endpoint got of the event, or why it got nothing yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Destination {
    pub(crate) endpoint_id: String,
    pub(crate) status: DestinationStatus,
    /// In words: also what it waits for, and what can be done.
    pub(crate) explanation: String,
    pub(crate) delivery_id: String,
    pub(crate) attempts: u32,
    /// As of the delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_attempt_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_attempt: Option<AttemptSummary>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DestinationStatus {
    /// Owed: waiting for its first or next attempt.
    Pending,
    /// Kept: its endpoint is disabled.
    Parked,
    Delivered,
    Dead,
    Discarded,
}

impl DestinationStatus {
    /// One not recorded yet is owed all the same.
    pub(crate) fn of(state: Option<State>) -> Self {
        match state {
            None | Some(State::Pending { .. }) => Self::Pending,
            Some(State::Parked) => Self::Parked,
            Some(State::Delivered) => Self::Delivered,
            Some(State::Dead) => Self::Dead,
            Some(State::Discarded) => Self::Discarded,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttemptSummary {
    pub(crate) number: u32,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    pub(crate) succeeded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
}

impl AttemptSummary {
    pub(crate) fn of(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            succeeded: attempt.outcome == Outcome::Succeeded,
            status: attempt.status,
            reason: attempt.reason.clone(),
        }
    }
}

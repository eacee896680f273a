//! Deliveries.

use domain::delivery::{Cause, Receiver, State, next_attempt};
use serde::Serialize;
use store::Delivery;
use utoipa::ToSchema;

use super::AttemptBody;

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
    /// Why it stands there and what can be done.
    pub(crate) explanation: String,
    #[schema(format = DateTime)]
    pub(crate) accepted_at: String,
    /// When the next attempt is due, at the earliest: while the endpoint is probed, not before the next
    /// probe. Absent when there is none, and for a first one that is due at once; what that may still
    /// wait for is in `explanation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_attempt_at: Option<String>,
    /// Of a parked one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parked: Option<ParkedBody>,
    /// Of a discarded one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) discarded_at: Option<String>,
    /// When its event's payload was expunged, and with it what receivers answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) expunged_at: Option<String>,
    /// When it is forgotten, whatever it stands at: its network's retention after its event, and later
    /// while it is tried. A replay moves it to ten days from then at least.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// How many attempts were made, replays included.
    pub(crate) attempt_count: u32,
    /// Oldest first. Of a delivery replayed many times, the latest.
    pub(crate) attempts: Vec<AttemptBody>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeliveryStatus {
    /// Owed: waiting for its first or next attempt.
    Pending,
    /// Kept without a next attempt, because its endpoint is disabled or its replay was cancelled.
    Parked,
    /// The receiver answered 2xx.
    Delivered,
    /// Every attempt failed.
    Dead,
    /// Given up by an operator.
    Discarded,
}

/// Why a delivery is parked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Parked)]
pub(crate) struct ParkedBody {
    /// Why its endpoint is disabled: `by_request`, `gone`, `receiver_asked`, `failing`, or the
    /// operator's own words; or `replay_cancelled`: it was to be sent by a job that was cancelled.
    pub(crate) reason: String,
    #[schema(format = DateTime)]
    pub(crate) since: String,
}

impl DeliveryStatus {
    fn of(state: State) -> Self {
        match state {
            State::Pending { .. } => Self::Pending,
            State::Parked => Self::Parked,
            State::Delivered => Self::Delivered,
            State::Dead => Self::Dead,
            State::Discarded => Self::Discarded,
        }
    }
}

impl DeliveryBody {
    /// `receiver` is `None` for a deleted endpoint, and does not matter when the state does not depend
    /// on it.
    pub(crate) fn of(delivery: &Delivery, receiver: Option<&Receiver>) -> Self {
        let state = delivery.state;
        let cause = |wanted| delivery.cause.as_ref().filter(|_| state == wanted);
        Self {
            id: delivery.id.to_string(),
            endpoint_id: delivery.id.endpoint().to_string(),
            event_id: delivery.event.to_string(),
            event_type: delivery.event_type.to_string(),
            status: DeliveryStatus::of(state),
            explanation: delivery.explain(receiver),
            accepted_at: delivery.id.accepted().to_string(),
            next_attempt_at: next_attempt(state, receiver).map(|at| at.to_string()),
            parked: cause(State::Parked).map(ParkedBody::of),
            discarded_at: cause(State::Discarded).map(|cause| cause.at.to_string()),
            expunged_at: delivery.expunged.map(|at| at.to_string()),
            expires_at: delivery.expires.to_string(),
            attempt_count: delivery.made,
            attempts: delivery.attempts.iter().map(AttemptBody::of).collect(),
        }
    }

    /// How many bytes it takes of Lambda's answer. That is JSON too, and has this JSON as a text: with
    /// every quote and backslash escaped once more.
    pub(crate) fn size_in_answer(&self) -> usize {
        let text = serde_json::to_string(self).unwrap_or_default();
        let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\'));
        text.len().saturating_add(escaped.count())
    }
}

#[cfg(test)]
impl DeliveryBody {
    /// One of so many bytes of JSON.
    pub(crate) fn of_size(number: usize, bytes: usize) -> Self {
        let empty = Self {
            id: format!("dlv_{number}"),
            endpoint_id: String::new(),
            event_id: String::new(),
            event_type: String::new(),
            status: DeliveryStatus::Dead,
            explanation: String::new(),
            accepted_at: String::new(),
            next_attempt_at: None,
            parked: None,
            discarded_at: None,
            expunged_at: None,
            expires_at: String::new(),
            attempt_count: 0,
            attempts: Vec::new(),
        };
        let explanation = "x".repeat(bytes.saturating_sub(empty.size_in_answer()));
        Self {
            explanation,
            ..empty
        }
    }
}

impl ParkedBody {
    fn of(cause: &Cause) -> Self {
        Self {
            reason: cause.reason.clone(),
            since: cause.at.to_string(),
        }
    }
}

/// In the order the listing says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryPageBody {
    pub(crate) items: Vec<DeliveryBody>,
    /// Pass it as `cursor` for the next page; absent on the last. A page can be short, even empty,
    /// and still have one, when few deliveries are what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

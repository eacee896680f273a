//! What the log and the metrics hear of an attempt.

use domain::attempt::Attempt;
use domain::time::Timestamp;
use queue::message::DeliveryMessage;
use telemetry::chain::chain;
use telemetry::event::{
    AftermathFailed, AttemptFailed, DeliveryAbandoned, DeliveryDied, DeliveryLost,
    DeliveryPostponed, ResultLost,
};

use crate::Deps;
use crate::admission::Later;
use crate::endpoints::Known;

pub(crate) fn postponed(deps: &Deps, message: &DeliveryMessage, later: Later, now: Timestamp) {
    let event = DeliveryPostponed {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        reason: later.why.word(),
        wait_ms: u64::try_from(later.at.since(now).as_millis()).unwrap_or(u64::MAX),
        postponed: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

/// Something beside a delivery could not be done; the delivery itself is recorded.
pub(crate) fn aftermath_failed(
    deps: &Deps,
    known: &Known,
    what: &'static str,
    error: &dyn std::error::Error,
) {
    let event = AftermathFailed {
        network: known.endpoint.network.to_string(),
        endpoint_id: known.endpoint.id.to_string(),
        what,
        error: chain(error),
        aftermath_failed: 1,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
}

pub(crate) fn failed(
    deps: &Deps,
    message: &DeliveryMessage,
    attempt: &Attempt,
    next: Timestamp,
    now: Timestamp,
) {
    let event = AttemptFailed {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        attempt: attempt.number,
        reason: attempt.reason.clone(),
        retry_in_ms: u64::try_from(next.since(now).as_millis()).unwrap_or(u64::MAX),
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

pub(crate) fn died(deps: &Deps, message: &DeliveryMessage, attempt: &Attempt, now: Timestamp) {
    let event = DeliveryDied {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        attempts: attempt.number,
        reason: attempt.reason.clone(),
        dead: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

pub(crate) fn abandoned(deps: &Deps, message: &DeliveryMessage, attempt: &Attempt, now: Timestamp) {
    let event = DeliveryAbandoned {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        reason: attempt.reason.clone(),
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

/// A message asks for an attempt of a delivery that has no record.
pub(crate) fn lost(deps: &Deps, message: &DeliveryMessage) {
    let event = DeliveryLost {
        network: message.network.to_string(),
        event_id: message.event.to_string(),
        delivery_id: Some(message.delivery.to_string()),
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
}

pub(crate) fn result_lost(deps: &Deps, message: &DeliveryMessage, now: Timestamp) {
    let event = ResultLost {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        attempt: message.attempt,
        results_lost: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

//! One attempt, in this order: claim if suspect → sign → POST → classify → record.

use std::time::Duration;

use domain::attempt::{Attempt, MAX_RESPONSE_KEPT, Outcome, Seen, judge};
use domain::delivery::{Carrier, State, arrange, settle};
use domain::event::Event;
use domain::retry::Schedule;
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use outbound::{Answer, Failure};
use queue::Record;
use queue::message::{DeliveryMessage, Malformed, owner};
use store::{Claim, Claimant, Finished, Quarantined, Recorded};
use telemetry::chain::chain;
use telemetry::event::{
    AttemptFailed, DeliveryAbandoned, DeliveryDied, MessageQuarantined, ResultLost,
};

use crate::Deps;
use crate::request::build;

/// The one deadline of an attempt: DNS, connect, TLS, headers and body together.
/// Source: Standard Webhooks advises 15–30 s. Must stay below the function's timeout.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// An attempt starts only this soon after its batch came in, so that slow stores cannot push it
/// past the function's end: it would have been sent with nobody left to record it.
pub const LATEST_START: Duration = Duration::from_secs(10);

/// How long a claim holds: as long as the function may run.
const CLAIM: Duration = Duration::from_secs(40);

/// How long a delivery to a disabled endpoint is left before it is looked at again.
const DISABLED_CHECK: Duration = Duration::from_secs(900);

/// What a record of the webhook queue came to.
#[derive(Debug)]
pub(crate) enum Attempted {
    Delivered,
    /// The message for the next attempt is to be sent, to arrive at the given time.
    Retry(Box<DeliveryMessage>, Timestamp),
    /// The next attempt is far away, or the endpoint is disabled: the sweep sends its message.
    Parked,
    Dead,
    /// Given up before the last attempt, because none can help.
    Abandoned,
    /// Settled by another attempt.
    Stale,
    Quarantined,
}

/// Makes the attempt that `record` asks for.
///
/// # Errors
/// When a store does not answer, or another holder of the same message is at work; the record is
/// received again then.
pub(crate) async fn run(
    deps: &Deps,
    record: Record,
    began: Timestamp,
) -> Result<Attempted, String> {
    let message = match DeliveryMessage::read(&record.body) {
        Ok(message) => message,
        Err(malformed) => return quarantine(deps, record, &malformed).await,
    };
    let now = deps.platform.clock.now();
    if suspect(&record, &message) {
        let claimant = Claimant {
            token: domain::base32::encode(&deps.platform.random.bytes::<16>()),
            now,
            until: now.after(CLAIM),
        };
        let claim = deps
            .store
            .claim(
                &message.network,
                message.delivery,
                message.attempt,
                &claimant,
            )
            .await;
        match claim.map_err(|error| chain(&error))? {
            Claim::Granted => {}
            Claim::Settled => return Ok(Attempted::Stale),
            Claim::InProgress => {
                return Err("another holder of this message is making the attempt".to_owned());
            }
        }
    }
    match make(deps, &message, now, began).await? {
        Some(made) => record_result(deps, message, made).await,
        None => park(deps, &message).await,
    }
}

/// Whether another message for the same attempt may exist: one received before, one marked as a
/// possible copy, and any retry, which the sweep may have sent again when the queue was slow.
fn suspect(record: &Record, message: &DeliveryMessage) -> bool {
    record.receive_count > 1 || message.repeated || message.attempt > 1
}

/// The attempt itself, or a finished attempt that says why nothing was sent; `None` when the
/// endpoint is disabled and the delivery is to wait without one.
async fn make(
    deps: &Deps,
    message: &DeliveryMessage,
    now: Timestamp,
    began: Timestamp,
) -> Result<Option<Made>, String> {
    let id = message.delivery.endpoint();
    let endpoint = deps
        .endpoints
        .find(
            &deps.store,
            &message.network,
            id,
            message.endpoint_version,
            now,
        )
        .await;
    let Some(endpoint) = endpoint.map_err(|error| chain(&error))? else {
        return Ok(Some(Made::final_word(
            message,
            now,
            "endpoint_deleted",
            "the endpoint was deleted before this attempt; nothing was sent",
        )));
    };
    if !endpoint.enabled {
        return Ok(None);
    }
    // The same rules as on saving, on every attempt: yesterday's good address may be bad today.
    let Ok(url) = WebhookUrl::parse(&endpoint.url, deps.policy) else {
        return Ok(Some(Made::unsent(
            message,
            now,
            "url_not_allowed",
            "the endpoint's URL is not allowed any more; nothing was sent",
        )));
    };
    let Some(event) = event(deps, message).await? else {
        return Ok(Some(Made::final_word(
            message,
            now,
            "event_expired",
            "the event is past its retention period; nothing was sent",
        )));
    };
    let secrets = deps
        .vault
        .secrets(&message.network, endpoint.secret, id, now)
        .await
        .map_err(|error| chain(&error))?;
    if deps.platform.clock.now().since(began) > LATEST_START {
        return Err("the stores were too slow to start the attempt in time".to_owned());
    }
    let answer = deps
        .client
        .post(build(url, &event, &secrets, now, DEADLINE))
        .await;
    Ok(Some(Made {
        attempt: finished(message.attempt, now, answer),
        last: false,
    }))
}

/// Leaves a delivery whose endpoint is disabled as it is: no try is used up, and once the endpoint
/// is enabled it goes on where it was.
async fn park(deps: &Deps, message: &DeliveryMessage) -> Result<Attempted, String> {
    let next = deps.platform.clock.now().after(DISABLED_CHECK);
    let (network, id) = (&message.network, message.delivery);
    let parked = deps.store.park(network, id, message.attempt, next).await;
    match parked.map_err(|error| chain(&error))? {
        true => Ok(Attempted::Parked),
        false => Ok(Attempted::Stale),
    }
}

/// A finished attempt; `last` when no further one can help.
struct Made {
    attempt: Attempt,
    last: bool,
}

impl Made {
    fn unsent(message: &DeliveryMessage, at: Timestamp, reason: &str, explanation: &str) -> Self {
        let attempt = Attempt {
            number: message.attempt,
            at,
            duration_ms: 0,
            outcome: Outcome::Failed,
            status: None,
            reason: reason.to_owned(),
            explanation: explanation.to_owned(),
            response: None,
        };
        Self {
            attempt,
            last: false,
        }
    }

    fn final_word(
        message: &DeliveryMessage,
        at: Timestamp,
        reason: &str,
        explanation: &str,
    ) -> Self {
        Self {
            last: true,
            ..Self::unsent(message, at, reason, explanation)
        }
    }
}

async fn event(deps: &Deps, message: &DeliveryMessage) -> Result<Option<Event>, String> {
    if let Some(event) = message.riding_event() {
        return Ok(Some(event));
    }
    let stored = deps
        .store
        .event(&message.network, &message.event)
        .await
        .map_err(|error| chain(&error))?;
    Ok(stored.map(|stored| stored.event))
}

fn finished(number: u32, at: Timestamp, answer: Result<Answer, Failure>) -> Attempt {
    let (seen, total, body) = match &answer {
        Ok(answer) => (
            Seen::Status(answer.status),
            answer.connection.timing.total,
            Some(&answer.body),
        ),
        // The status line is the receiver's word; that its body then broke off changes nothing.
        Err(failure)
            if failure
                .status
                .is_some_and(|status| (200..300).contains(&status)) =>
        {
            (
                Seen::Status(failure.status.unwrap_or_default()),
                failure.connection.timing.total,
                None,
            )
        }
        Err(failure) => (
            Seen::Failure {
                word: failure.kind.word(),
                explanation: failure.kind.explain(),
            },
            failure.connection.timing.total,
            None,
        ),
    };
    let (outcome, reason, explanation) = judge(seen);
    let response = match (outcome, body) {
        (Outcome::Failed, Some(body)) if !body.is_empty() => Some(
            String::from_utf8_lossy(body)
                .chars()
                .take(MAX_RESPONSE_KEPT)
                .collect(),
        ),
        (Outcome::Failed | Outcome::Succeeded, _) => None,
    };
    Attempt {
        number,
        at,
        duration_ms: u32::try_from(total.as_millis()).unwrap_or(u32::MAX),
        outcome,
        status: answer.map_or_else(|failure| failure.status, |answer| Some(answer.status)),
        reason: reason.to_owned(),
        explanation,
        response,
    }
}

async fn record_result(
    deps: &Deps,
    message: DeliveryMessage,
    made: Made,
) -> Result<Attempted, String> {
    let now = deps.platform.clock.now();
    let Made { attempt, last } = made;
    let jitter = deps.platform.random.fraction();
    let state = if last {
        State::Dead
    } else {
        settle(
            attempt.outcome,
            attempt.number,
            &Schedule::default(),
            now,
            jitter,
        )
    };
    let arranged = match state {
        State::Pending {
            next_attempt: Some(next),
        } => Some((next, arrange(next, now))),
        State::Pending { next_attempt: None } | State::Delivered | State::Dead => None,
    };
    let finished = Finished {
        attempt: &attempt,
        state,
        due: arranged.map(|(_, (_, due))| due),
    };
    match deps
        .store
        .record(&message.network, message.delivery, finished)
        .await
    {
        Ok(Recorded::Now) => {}
        Ok(Recorded::Stale) => return Ok(Attempted::Stale),
        Err(error) => {
            tell_result_lost(deps, &message, now);
            return Err(chain(&error));
        }
    }
    Ok(match (state, arranged) {
        (State::Delivered, _) => Attempted::Delivered,
        (State::Dead, _) if last => {
            tell_abandoned(deps, &message, &attempt, now);
            Attempted::Abandoned
        }
        (State::Dead, _) => {
            tell_died(deps, &message, &attempt, now);
            Attempted::Dead
        }
        (State::Pending { .. }, Some((next, (carrier, _)))) => {
            tell_failed(deps, &message, &attempt, next, now);
            match carrier {
                Carrier::Queue => Attempted::Retry(Box::new(next_message(message)), next),
                Carrier::Sweep => Attempted::Parked,
            }
        }
        (State::Pending { .. }, None) => Attempted::Parked,
    })
}

/// The message of the attempt after this one.
fn next_message(message: DeliveryMessage) -> DeliveryMessage {
    DeliveryMessage {
        attempt: message.attempt.saturating_add(1),
        repeated: false,
        ..message
    }
}

fn tell_failed(
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

fn tell_died(deps: &Deps, message: &DeliveryMessage, attempt: &Attempt, now: Timestamp) {
    let event = DeliveryDied {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        attempts: attempt.number,
        reason: attempt.reason.clone(),
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

fn tell_abandoned(deps: &Deps, message: &DeliveryMessage, attempt: &Attempt, now: Timestamp) {
    let event = DeliveryAbandoned {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        reason: attempt.reason.clone(),
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

fn tell_result_lost(deps: &Deps, message: &DeliveryMessage, now: Timestamp) {
    let event = ResultLost {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        attempt: message.attempt,
        results_lost: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

async fn quarantine(deps: &Deps, record: Record, why: &Malformed) -> Result<Attempted, String> {
    let message = Quarantined {
        network: owner(&record.body),
        queue: "webhooks".to_owned(),
        message_id: record.message_id.clone(),
        reason: why.to_string(),
        at: record.sent,
        body: record.body,
    };
    let stored = deps.store.quarantine(&message).await;
    stored.map_err(|error| chain(&error))?;
    let event = MessageQuarantined {
        queue: "webhooks",
        message_id: record.message_id,
        reason: why.word(),
        quarantined: 1,
    };
    deps.platform
        .telemetry
        .emit(&event, deps.platform.clock.now().millis());
    Ok(Attempted::Quarantined)
}

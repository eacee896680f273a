//! One attempt, in this order: admit → claim if suspect → sign → POST → record → conclude.
//!
//! A call of the AWS SDK is a future of six kilobytes, and a future is as large as the largest it
//! may wait for. What a healthy first try never does is therefore boxed here and below, so that the
//! many futures of a batch stay small.

use std::sync::Arc;
use std::time::Duration;

use domain::attempt::Response;
use domain::delivery::keeping::{FRESH, end_for_round, end_for_try, first_end};
use domain::delivery::{Carrier, Cause, RESCUE_AFTER, State, arrange, settle};
use domain::endpoint::{Disabled, Timeout};
use domain::id::{DeliveryId, NetworkId};
use domain::operational::{self, News};
use domain::time::Timestamp;
use queue::Record;
use queue::message::{DeliveryMessage, Turn};
use store::{Claim, Claimant, Finished, Parked, Recorded, Slot};
use telemetry::chain::chain;

use crate::Deps;
use crate::admission::{Admitted, Later, Why, admit};
use crate::aftermath::{conclude, report};
use crate::answer::Made;
use crate::endpoints::{Known, Newness};
use crate::make::make;
use crate::{quarantine, tell};

/// The longest that one attempt may take: DNS, connect, TLS, headers and body together. Must stay
/// below the function's timeout.
pub const DEADLINE: Duration = Duration::from_secs(30);
const _: () = assert!(DEADLINE.as_secs() == Timeout::MAX.seconds() as u64);

/// An attempt starts only this soon after its batch came in, so that slow stores cannot push it
/// past the function's end: it would have been sent with nobody left to record it.
pub const LATEST_START: Duration = Duration::from_secs(10);

/// The longest that is spent on conclusions: what did not fit is found out by the next attempt.
pub const CONCLUSIONS: Duration = Duration::from_secs(5);

/// How long a first try may have waited in its queue and still begin without a look at its record.
/// A copy of its message can only come from a second fan-out of its event, a visibility timeout of
/// the events queue after the first; an attempt begun this early is over and recorded by then.
pub const UNCLAIMED_WAIT: Duration = Duration::from_secs(90);

/// How long a claim holds: as long as the function may run.
pub(crate) const CLAIM: Duration = Duration::from_secs(60);

/// A wait beyond this is written down, so that the sweep does not take the delivery for lost and
/// send a second message for it.
const UNWRITTEN_WAIT: Duration = Duration::from_secs(300);

/// What a record of the webhook queue came to.
#[derive(Debug)]
pub(crate) enum Attempted {
    Delivered,
    /// The message for the next attempt is to be sent, to arrive at the given time.
    Retry(Box<DeliveryMessage>, Timestamp),
    /// The same attempt is to be made at the given time; only its message knows of it.
    Postponed(Box<DeliveryMessage>, Timestamp),
    /// The same attempt is to be made by who works on the slow queue.
    Moved(Box<DeliveryMessage>),
    /// The sweep sends the message of the next attempt, which is far away, or of this one.
    LeftToSweep,
    /// The endpoint is disabled: no attempt until it is resumed.
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
        Err(malformed) => return Box::pin(quarantine::keep(deps, record, &malformed)).await,
    };
    let now = deps.platform.clock.now();
    let message = DeliveryMessage {
        first_sent: message.first_sent.or(Some(record.sent)),
        ..message
    };
    let suspect = suspect(&record, &message, now);
    let came_before = record.receive_count > 1;
    let newness = Newness {
        version: message.endpoint_version,
        // Time has passed since the first was sent, in which the endpoint may have been changed.
        since: suspect.then_some(began),
    };
    let (network, id) = (&message.network, message.delivery.endpoint());
    let found = deps
        .endpoints
        .find(&deps.store, network, id, newness, now)
        .await;
    let Some(known) = found.map_err(|error| chain(&error))? else {
        let made = Made::unsent(
            message.attempt,
            now,
            "endpoint_deleted",
            "the endpoint was deleted before this attempt; nothing was sent",
            true,
        );
        return record_result(deps, message, 0, None, made, &mut None).await;
    };
    if let Some(why) = &known.endpoint.disabled {
        return Box::pin(park(deps, message, why, now)).await;
    }
    match admit(deps, &known, &message, suspect, began).await? {
        Admitted::Stale => Ok(Attempted::Stale),
        Admitted::Later(later) => Box::pin(postpone(deps, message, later, came_before, now)).await,
        Admitted::Slow => Ok(Attempted::Moved(Box::new(DeliveryMessage {
            repeated: message.repeated || came_before,
            slow: true,
            ..message
        }))),
        Admitted::Go(mut slot) => {
            let to = Arc::clone(&known);
            let attempted = attempt(deps, message, to, suspect, began, &mut slot).await;
            // Nothing was concluded.
            if slot.is_some() {
                Box::pin(give_back(deps, &known, slot)).await;
            }
            attempted
        }
    }
}

/// Whether another message for the same attempt may exist: one received before, one marked as a
/// possible copy, one that waited long enough for a copy to overtake it, and any retry, which the
/// sweep may have sent again when the queue was slow. So is an old event's, whose delivery may come to
/// its end while it is tried.
fn suspect(record: &Record, message: &DeliveryMessage, now: Timestamp) -> bool {
    let first_sent = message.first_sent.unwrap_or(record.sent);
    record.receive_count > 1
        || message.repeated
        || message.attempt > 1
        || now.since(first_sent) > UNCLAIMED_WAIT
        || now.since(message.delivery.accepted()) > FRESH
}

/// From the claim to the record and what follows from it, of which one is that the place held is given
/// back.
async fn attempt(
    deps: &Deps,
    message: DeliveryMessage,
    known: Arc<Known>,
    suspect: bool,
    began: Timestamp,
    slot: &mut Option<Slot>,
) -> Result<Attempted, String> {
    let mut base = 0;
    if suspect {
        match Box::pin(claim_or_resume(deps, &message)).await? {
            Claim::Granted {
                base: before,
                expires,
            } => {
                base = before;
                let tries = message.attempt.saturating_sub(base);
                let schedule = known.endpoint.schedule();
                let end = end_for_try(&schedule, tries, deps.platform.clock.now(), expires);
                let kept = Box::pin(keep_owed(deps, &message, end)).await;
                kept.map_err(|error| chain(&error))?;
            }
            Claim::Settled | Claim::Parked => return Ok(Attempted::Stale),
            Claim::Forgotten => {
                tell::lost(deps, &message);
                return Ok(Attempted::Stale);
            }
            Claim::InProgress { until } => return Ok(await_holder(deps, message, until)),
        }
    }
    let (known, made) = make(deps, &message, known, began).await?;
    record_result(deps, message, base, Some(&known), made, slot).await
}

/// Keeps what the message is about until `end`, if its own is too near.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn keep_owed(
    deps: &Deps,
    message: &DeliveryMessage,
    end: Option<Timestamp>,
) -> Result<(), store::Error> {
    let Some(end) = end else { return Ok(()) };
    let (network, id) = (&message.network, message.delivery);
    deps.store.prolong(network, id, &message.event, end).await
}

/// Comes back when the other holder's claim has lapsed: by then it recorded its attempt, or died.
/// The queue alone would show the message again only minutes later.
fn await_holder(deps: &Deps, message: DeliveryMessage, until: Timestamp) -> Attempted {
    let now = deps.platform.clock.now();
    let later = Later {
        // A holder whose clock is wrong is not waited for any longer.
        at: until.min(now.after(CLAIM)),
        why: Why::Claimed,
        turn: message.turn,
    };
    tell::postponed(deps, &message, later, now);
    let again = DeliveryMessage {
        repeated: true,
        ..message
    };
    Attempted::Postponed(Box::new(again), later.at)
}

/// A delivery that was parked while its endpoint was disabled, which it is no more, goes on.
async fn claim_or_resume(deps: &Deps, message: &DeliveryMessage) -> Result<Claim, String> {
    let claimed = claim(deps, message).await?;
    if claimed != Claim::Parked {
        return Ok(claimed);
    }
    let now = deps.platform.clock.now();
    let (network, id) = (&message.network, message.delivery);
    let resumed = deps.store.unpark(network, id, message.attempt, now).await;
    resumed.map_err(|error| chain(&error))?;
    claim(deps, message).await
}

async fn claim(deps: &Deps, message: &DeliveryMessage) -> Result<Claim, String> {
    let now = deps.platform.clock.now();
    let claimant = Claimant {
        token: domain::base32::encode(&deps.platform.random.bytes::<16>()),
        now,
        until: now.after(CLAIM),
    };
    let (network, id) = (&message.network, message.delivery);
    let claim = deps
        .store
        .claim(network, id, message.attempt, &claimant)
        .await;
    claim.map_err(|error| chain(&error))
}

/// A place is only a courtesy to the receiver, so one that cannot be given back lapses.
async fn give_back(deps: &Deps, known: &Known, slot: Option<Slot>) {
    let Some(slot) = slot else { return };
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let freed = deps.store.free_slot(network, id, slot).await;
    if let Err(error) = freed {
        tell::aftermath_failed(deps, known, "place", &error);
    }
}

/// Sets a delivery aside whose endpoint is disabled: no try is used up, and nothing is spent on it
/// until it is resumed.
async fn park(
    deps: &Deps,
    message: DeliveryMessage,
    why: &Disabled,
    now: Timestamp,
) -> Result<Attempted, String> {
    let cause = Cause {
        reason: why.reason.clone(),
        at: now,
    };
    let (network, id) = (&message.network, message.delivery);
    let parked = deps.store.park(network, id, message.attempt, &cause).await;
    let expires = match parked.map_err(|error| chain(&error))? {
        Parked::Now { expires } => expires,
        Parked::Changed => return Ok(Attempted::Stale),
        Parked::InProgress { until } => return Ok(await_holder(deps, message, until)),
    };
    // So there is time to enable it.
    let kept = keep_owed(deps, &message, end_for_round(now, expires)).await;
    kept.map_err(|error| chain(&error))?;
    // Whoever enables the endpoint from here on finds it parked. Whoever did so between the read
    // and the record may have looked for parked ones too early: then it is resumed here.
    let fresh = deps.store.endpoint(network, id.endpoint()).await;
    let fresh = fresh.map_err(|error| chain(&error))?;
    let Some(enabled) = fresh.filter(domain::endpoint::Endpoint::is_enabled) else {
        return Ok(Attempted::Parked);
    };
    let resumed = deps.store.unpark(network, id, message.attempt, now).await;
    if !resumed.map_err(|error| chain(&error))? {
        return Ok(Attempted::Stale);
    }
    let again = DeliveryMessage {
        endpoint_version: enabled.version,
        repeated: true,
        ..message
    };
    Ok(Attempted::Retry(Box::new(again), now))
}

/// Leaves the attempt for later, without using up a try.
async fn postpone(
    deps: &Deps,
    message: DeliveryMessage,
    later: Later,
    came_before: bool,
    now: Timestamp,
) -> Result<Attempted, String> {
    tell::postponed(deps, &message, later, now);
    let wait = later.at.since(now);
    let mut message = DeliveryMessage {
        turn: later.turn,
        ..message
    };
    // These come back again and again: each wait is short, and yet they add up.
    let again_and_again = matches!(later.why, Why::BreakerOpen | Why::Behind);
    if came_before || again_and_again || wait > UNWRITTEN_WAIT {
        let (network, id) = (&message.network, message.delivery);
        let due = if came_before {
            later.at
        } else {
            later.at.after(RESCUE_AFTER)
        };
        let written = deps
            .store
            .postpone(network, id, message.attempt, later.at, due)
            .await;
        if !written.map_err(|error| chain(&error))? {
            return Ok(Attempted::Stale);
        }
        if came_before {
            // It may have been replaced when it came first. Replaced each time, it would become
            // more and more messages going round; in the due index it is one, whoever writes.
            return Ok(Attempted::LeftToSweep);
        }
        // From here on the sweep knows of it too.
        message.repeated = true;
    }
    Ok(Attempted::Postponed(Box::new(message), later.at))
}

/// Records a finished attempt of the round that began after `base` attempts, then says what it means
/// for its endpoint.
async fn record_result(
    deps: &Deps,
    message: DeliveryMessage,
    base: u32,
    known: Option<&Known>,
    made: Made,
    slot: &mut Option<Slot>,
) -> Result<Attempted, String> {
    let now = deps.platform.clock.now();
    let schedule = known.map(|known| known.endpoint.schedule());
    let state = settle(
        &made.verdict,
        message.attempt.saturating_sub(base),
        &schedule.unwrap_or_default(),
        now,
        || deps.platform.random.fraction(),
    );
    let arranged = match state {
        State::Pending {
            next_attempt: Some(next),
        } => Some((next, arrange(next, now))),
        State::Pending { next_attempt: None }
        | State::Parked
        | State::Delivered
        | State::Dead
        | State::Discarded => None,
    };
    let finished = Finished {
        attempt: &made.attempt,
        state,
        due: arranged.map(|(_, (_, due))| due),
    };
    let (network, id) = (&message.network, message.delivery);
    // Boxed too, although every delivery needs it: only for as long as it takes.
    match Box::pin(deps.store.record(network, id, finished)).await {
        Ok(Recorded::Now) => {}
        Ok(Recorded::Stale) => return Ok(Attempted::Stale),
        Err(error) => {
            tell::result_lost(deps, &message, now);
            return Err(chain(&error));
        }
    }
    if let Some(known) = known {
        // The receiver has answered: whoever waits for the place need not wait for conclusions.
        let following = async {
            let slot = slot.take();
            if slot.is_some() {
                Box::pin(give_back(deps, known, slot)).await;
            }
            follow_up(deps, &message, known, &made, state, now).await;
        };
        if let Err(elapsed) = tokio::time::timeout(CONCLUSIONS, following).await {
            tell::aftermath_failed(deps, known, "conclusions", &elapsed);
        }
    }
    let attempt = &made.attempt;
    Ok(match (state, arranged) {
        (State::Delivered, _) => Attempted::Delivered,
        (State::Dead, _) if made.verdict.last => {
            tell::abandoned(deps, &message, attempt, now);
            Attempted::Abandoned
        }
        (State::Dead, _) => {
            tell::died(deps, &message, attempt, now);
            Attempted::Dead
        }
        (State::Pending { .. }, Some((next, (carrier, _)))) => {
            tell::failed(deps, &message, attempt, next, now);
            match carrier {
                Carrier::Queue => Attempted::Retry(Box::new(next_message(message)), next),
                Carrier::Sweep => Attempted::LeftToSweep,
            }
        }
        // An attempt settles as none of these.
        (State::Pending { .. } | State::Parked | State::Discarded, _) => Attempted::LeftToSweep,
    })
}

/// The whole answer, the endpoint's health, and news. None of it can undo the record.
async fn follow_up(
    deps: &Deps,
    message: &DeliveryMessage,
    known: &Known,
    made: &Made,
    state: State,
    now: Timestamp,
) {
    let (network, id) = (&message.network, message.delivery);
    if let Some(whole) = &made.whole {
        let number = made.attempt.number;
        let kept = Box::pin(keep(deps, network, id, number, whole, now)).await;
        if let Err(error) = kept {
            tell::aftermath_failed(deps, known, "answer", &error);
        }
    }
    conclude(deps, known, made, now).await;
    // News about a failed delivery of news could go round for ever.
    if state == State::Dead && !Box::pin(is_news(deps, message, known)).await {
        let attempts = made.attempt.number;
        let reason = &made.attempt.reason;
        let news = News::exhausted(&known.endpoint, id, &message.event, attempts, reason);
        Box::pin(report(deps, known, &news, now)).await;
    }
}

/// Whether the delivery is of an operational event. What cannot be found out counts as one: news
/// that are missing can be asked for, news that go round cannot be stopped.
async fn is_news(deps: &Deps, message: &DeliveryMessage, known: &Known) -> bool {
    if let Some(body) = &message.body {
        return operational::is_reserved(&body.event_type);
    }
    match deps.store.event(&message.network, &message.event).await {
        Ok(stored) => {
            stored.is_none_or(|stored| operational::is_reserved(&stored.event.event_type))
        }
        Err(error) => {
            tell::aftermath_failed(deps, known, "news", &error);
            true
        }
    }
}

/// Keeps a whole answer as long as its network keeps deliveries, and that of a late attempt as long as
/// a round of tries.
async fn keep(
    deps: &Deps,
    network: &NetworkId,
    id: DeliveryId,
    number: u32,
    whole: &Response,
    now: Timestamp,
) -> Result<(), store::Error> {
    let rules = deps.rules.rules(&deps.store, network, now).await?;
    let end = first_end(id.accepted(), rules.retention, now);
    let kept = deps.store.keep_response(network, id, number, whole, end);
    kept.await
}

/// The message of the attempt after this one.
fn next_message(message: DeliveryMessage) -> DeliveryMessage {
    DeliveryMessage {
        attempt: message.attempt.saturating_add(1),
        repeated: false,
        first_sent: None,
        slow: false,
        turn: Turn::Unasked,
        ..message
    }
}

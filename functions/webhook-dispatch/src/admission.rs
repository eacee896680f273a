//! Whether an attempt may begin now: the endpoint's breaker first, then its pace, then its limits.

use std::time::Duration;

use domain::delivery::keeping::end_for_wait;
use domain::delivery::{Cause, REPLAY_CANCELLED, State};
use domain::endpoint::Limits;
use domain::health::Admission;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use queue::MAX_DELAY;
use queue::message::{DeliveryMessage, Turn};
use store::{Pace, Slot};
use telemetry::chain::chain;
use tokio::time::timeout;

use crate::attempt::{CLAIM, LATEST_START, keep_owed};
use crate::endpoints::Known;
use crate::{Deps, tell};

/// How long before its moment a message is to be there, at least: the queue and what reads it take a
/// little.
const AHEAD: Duration = Duration::from_millis(200);

/// A moment this near is waited for in place. The queue counts in whole seconds, so a message that is
/// there in time is up to a second earlier; one that came for its moment would be late, together with
/// all others of that second.
const NEAR: Duration = Duration::from_secs(1).saturating_add(AHEAD);

/// Within how long a full endpoint is looked at again. Twice as long each time, so that many who wait
/// do not all knock every second.
const FULL: Duration = Duration::from_secs(2);

/// How often that doubles: to eight seconds.
const FULL_DOUBLES: u32 = 2;

/// Waiters come back spread over this long after the moment, so that they do not come in step.
const SPREAD: Duration = Duration::from_secs(2);

/// A message that misses so many moments was held up by accident, and waits for another. One that misses
/// more always comes late, as all others may: its moment may be used later and later, so that each goes
/// in the end, and their lateness keeps them apart.
const ACCIDENTS: u32 = 3;

/// How much later after each of those, in times of the one before.
const PATIENCE: u32 = 4;

/// A retry or a replay, which is late already, queues up at an endpoint with a rate only when its
/// moment would come this soon. So a first try, which always may, waits for those that came first
/// and at most this long for any other.
const SOON: Duration = Duration::from_secs(30);

/// What was decided.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// Begin; the place taken, if the endpoint has a limit, is to be given back.
    Go(Option<Slot>),
    /// Come back at this moment.
    Later(Later),
    /// Go to the slow queue first: other endpoints wait behind this one here.
    Slow,
    /// The attempt was made already, or is owed no more: it is to take nobody's place.
    Stale,
}

/// A moment to come back at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later {
    pub(crate) at: Timestamp,
    pub(crate) why: Why,
    /// What the message is to say when it comes back.
    pub(crate) turn: Turn,
}

/// Why an attempt waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The endpoint fails; one webhook at a time probes it.
    BreakerOpen,
    /// Its rate is used up until then; that moment is reserved.
    Rate,
    /// Its rate is used up for longer than a late attempt may queue; nothing is reserved.
    Behind,
    /// As many attempts as it takes are under way.
    InFlight,
    /// Another holder of the same message may be making this attempt, or died making it.
    Claimed,
}

impl Why {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::Rate => "rate_per_second",
            Self::Behind => "behind_first_tries",
            Self::InFlight => "max_in_flight",
            Self::Claimed => "claimed",
        }
    }
}

/// Asks breaker and limits; for a `suspect`, whose attempt another message may have made, first
/// whether it is still owed, so that it wins no probe and no place for nothing.
///
/// # Errors
/// When the table does not answer, or it takes until after the [`LATEST_START`] of a batch that
/// `began` then: each call is short, but there can be many.
pub(crate) async fn admit(
    deps: &Deps,
    known: &Known,
    message: &DeliveryMessage,
    suspect: bool,
    began: Timestamp,
) -> Result<Admitted, String> {
    let now = deps.platform.clock.now();
    let endpoint = &known.endpoint;
    let health = known.health().health;
    if health.admit(now) == Admission::Go {
        if health.is_slow(now) && !message.slow {
            return Ok(Admitted::Slow);
        }
        // The usual case: nothing is wrong and nothing is limited.
        if endpoint.limits == Limits::default() {
            return Ok(Admitted::Go(None));
        }
    }
    let asked = async {
        if suspect && !is_owed(deps, message, now).await? {
            return Ok(Admitted::Stale);
        }
        let probes = match breaker(deps, known, now).await? {
            Admission::Wait(at) => return Ok(later(deps, at, Why::BreakerOpen)),
            Admission::Probe => true,
            Admission::Go => false,
        };
        // One in a while is below any rate; and sent away now, nobody would probe until its claim lapses.
        if !probes && let Some(later) = rate(deps, known, message, now).await? {
            return Ok(Admitted::Later(later));
        }
        let Some(most) = endpoint.limits.max_in_flight else {
            return Ok(Admitted::Go(None));
        };
        match place(deps, &endpoint.network, endpoint.id, most, now).await? {
            Some(slot) => Ok(Admitted::Go(Some(slot))),
            None => Ok(Admitted::Later(found_full(deps, message, now))),
        }
    };
    let left = LATEST_START.saturating_sub(now.since(began));
    let asked: Result<Result<_, store::Error>, _> = timeout(left, Box::pin(asked)).await;
    let asked = asked.map_err(|_| "the table was too slow to say in time whether it may begin")?;
    asked.map_err(|error| chain(&error))
}

fn later(deps: &Deps, at: Timestamp, why: Why) -> Admitted {
    let at = at.after(SPREAD.mul_f64(deps.platform.random.fraction()));
    let turn = Turn::Unasked;
    Admitted::Later(Later { at, why, turn })
}

/// Whether the record still lacks the attempt; it is kept then. One that is parked by now does too,
/// and the claim sees to it, unless it was taken back from a job: then the message that asks for it
/// was as well.
async fn is_owed(
    deps: &Deps,
    message: &DeliveryMessage,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let (network, id) = (&message.network, message.delivery);
    let Some(delivery) = deps.store.delivery(network, id).await? else {
        tell::lost(deps, message);
        return Ok(false);
    };
    let taken_back = |cause: &Cause| cause.reason == REPLAY_CANCELLED;
    let open = match delivery.state {
        State::Pending { .. } => true,
        State::Parked => !delivery.cause.as_ref().is_some_and(taken_back),
        State::Delivered | State::Dead | State::Discarded => false,
    };
    let owed = open && delivery.made.saturating_add(1) == message.attempt;
    if owed {
        // It may be sent away again and again.
        keep_owed(deps, message, end_for_wait(now, delivery.expires)).await?;
    }
    Ok(owed)
}

/// What the breaker says; who may go as its probe has claimed to be it.
async fn breaker(deps: &Deps, known: &Known, now: Timestamp) -> Result<Admission, store::Error> {
    let before = known.health();
    let admission = before.health.admit(now);
    if admission != Admission::Probe {
        return Ok(admission);
    }
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let until = now.after(CLAIM);
    let claimed = before.health.probing(until);
    let changed = deps
        .store
        .change_health(network, id, before, claimed)
        .await?;
    if let Some(ours) = changed {
        known.learn(ours);
        return Ok(Admission::Probe);
    }
    // Someone else probes, or the endpoint is well again: look.
    let there = deps.store.health(network, id).await?;
    known.learn(there);
    Ok(match there.health.admit(now) {
        Admission::Probe => Admission::Wait(now),
        other @ (Admission::Go | Admission::Wait(_)) => other,
    })
}

/// When to come back and why, if its moment is not now.
async fn rate(
    deps: &Deps,
    known: &Known,
    message: &DeliveryMessage,
    now: Timestamp,
) -> Result<Option<Later>, store::Error> {
    let Some(per_second) = known.endpoint.limits.rate_per_second else {
        return Ok(None);
    };
    let since = known.endpoint.rate_since;
    if message.turn == Turn::Come {
        return Ok(None);
    }
    let pace = Pace { per_second, since };
    let latest = (!message.is_first_try()).then(|| now.after(SOON));
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let (mut moment, mut missed) = kept(message.turn, pace, now);
    loop {
        let now = deps.platform.clock.now();
        let reserved = match moment {
            Some(at) => Some(at),
            None => {
                let store = &deps.store;
                store.reserve_rate(network, id, pace, latest, now).await?
            }
        };
        let Some(at) = reserved else {
            return Ok(Some(sent_away(deps, message, now)));
        };
        let turn = Turn::Reserved { at, since, missed };
        // Exactly until then: asking took a while.
        let wait = at.since(deps.platform.clock.now());
        if wait > NEAR {
            let why = Why::Rate;
            return Ok(Some(Later { at, why, turn }));
        }
        tokio::time::sleep(wait).await;
        // The process may have been held up too, with all that waited in it.
        (moment, missed) = kept(turn, pace, deps.platform.clock.now());
        if moment.is_some() {
            return Ok(None);
        }
    }
}

/// How long the queue holds back what is to be there in time for a moment so far away.
pub(crate) fn held_back(wait: Duration) -> Duration {
    Duration::from_secs(wait.saturating_sub(AHEAD).as_secs())
}

/// The moment that is kept for it, unless it was reserved before today's rate was set or is missed; and
/// how many were missed by now. It is missed when the next one's comes: of messages that were held up
/// together each asks for another then, and they do not all go at once.
fn kept(turn: Turn, today: Pace, now: Timestamp) -> (Option<Timestamp>, u32) {
    let Turn::Reserved { at, since, missed } = turn else {
        return (None, 0);
    };
    if since != today.since {
        return (None, 0);
    }
    // The queue holds a message back for a quarter of an hour at most, so it can be early too.
    let late = Duration::from_secs(1) / today.per_second.max(1);
    let patience = PATIENCE.saturating_pow(missed.saturating_sub(ACCIDENTS - 1));
    if now.since(at) > late.saturating_mul(patience) {
        return (None, missed.saturating_add(1));
    }
    (Some(at), missed)
}

/// How often the message was sent away before.
fn times_sent_away(message: &DeliveryMessage) -> u32 {
    match message.turn {
        Turn::SentAway(times) => times,
        Turn::Unasked | Turn::Reserved { .. } | Turn::Come => 0,
    }
}

/// A random while from now, twice as long each time, so that a backlog of late attempts that is much
/// larger than the rate does not knock every minute.
fn sent_away(deps: &Deps, message: &DeliveryMessage, now: Timestamp) -> Later {
    let times = times_sent_away(message);
    let spread = SOON.saturating_mul(2_u32.saturating_pow(times));
    let spread = spread.min(MAX_DELAY.saturating_sub(SOON));
    let wait = SOON.saturating_add(spread.mul_f64(deps.platform.random.fraction()));
    Later {
        at: now.after(wait),
        why: Why::Behind,
        turn: Turn::SentAway(times.saturating_add(1)),
    }
}

/// Any moment of a short while from now, which is longer each time.
fn found_full(deps: &Deps, message: &DeliveryMessage, now: Timestamp) -> Later {
    let times = times_sent_away(message);
    let within = FULL.saturating_mul(2_u32.saturating_pow(times.min(FULL_DOUBLES)));
    // It counts no further than it has a meaning here: where it is told to wait for its turn instead,
    // it has not been told so often.
    let counted = times.saturating_add(1).min(FULL_DOUBLES);
    Later {
        at: now.after(within.mul_f64(deps.platform.random.fraction())),
        why: Why::InFlight,
        turn: Turn::SentAway(times.max(counted)),
    }
}

/// One of `most` places, if one is free.
async fn place(
    deps: &Deps,
    network: &NetworkId,
    id: EndpointId,
    most: u32,
    now: Timestamp,
) -> Result<Option<Slot>, store::Error> {
    let random = u32::from_be_bytes(deps.platform.random.bytes());
    let until = now.after(CLAIM);
    let store = &deps.store;
    store.take_slot(network, id, most, random, now, until).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_good_at_its_rate_and_until_it_is_missed() {
        let at = Timestamp::EPOCH.after(Duration::from_secs(100));
        let reserved = |missed| Turn::Reserved {
            at,
            since: 5,
            missed,
        };
        for (turn, since, millis, expected) in [
            (Turn::Unasked, 5, 100_000, (None, 0)),
            (Turn::SentAway(3), 5, 100_000, (None, 0)),
            (reserved(0), 5, 40_000, (Some(at), 0)),
            (reserved(0), 5, 100_050, (Some(at), 0)),
            (reserved(0), 5, 100_051, (None, 1)),
            (reserved(2), 5, 100_050, (Some(at), 2)),
            (reserved(2), 5, 100_051, (None, 3)),
            (reserved(3), 5, 100_200, (Some(at), 3)),
            (reserved(3), 5, 100_201, (None, 4)),
            (reserved(4), 5, 100_800, (Some(at), 4)),
            (reserved(99), 5, 9_999_000, (Some(at), 99)),
            (reserved(0), 6, 100_000, (None, 0)),
        ] {
            let now = Timestamp::from_millis(millis);
            let today = Pace {
                per_second: 20,
                since,
            };
            assert_eq!(kept(turn, today, now), expected, "{turn:?} at {millis} ms");
        }
    }

    #[test]
    fn what_is_held_back_is_there_in_time_and_waits_in_place() {
        for millis in (1_201..1_000_000).step_by(7) {
            let wait = Duration::from_millis(millis);
            let early = wait.saturating_sub(held_back(wait));
            assert!((AHEAD..NEAR).contains(&early), "{millis} ms");
        }
    }
}

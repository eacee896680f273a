//! The state of one event's way to one endpoint, and its legal changes.
//!
//! ```text
//! Pending ──2xx──▶ Delivered
//!    │ ▲
//!    │ └─ failed, schedule has a delay left
//!    ├─── failed, schedule used up ──▶ Dead ──discard──▶ Discarded
//!    └─── endpoint disabled ──▶ Parked ──discard──▶ Discarded
//!
//! Delivered, Dead, Parked ──replay──▶ Pending, with a new round of tries
//! ```

mod explain;
pub mod keeping;

pub use explain::{Known, Receiver, explain, next_attempt};

use std::time::Duration;

use crate::attempt::{Attempt, Demand, Outcome, Verdict};
use crate::retry::Schedule;
use crate::time::Timestamp;

/// How long after its planned time an attempt counts as lost and the sweep sends it again. Longer
/// than a message can be in work: the webhook queue's visibility timeout is six minutes.
pub const RESCUE_AFTER: Duration = Duration::from_secs(600);

/// The longest wait that a queue message bridges; longer waits are left to the sweep, which looks
/// a little ahead of the planned time.
/// Source: SQS `DelaySeconds` ≤ 900.
pub const LONGEST_QUEUED: Duration = Duration::from_secs(900);

/// Who brings about the next attempt of a pending delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// A message sent now and held back until then.
    Queue,
    /// The sweep, which sends it in time.
    Sweep,
}

/// Who carries an attempt planned for `next`, and when the sweep must act if nobody else has.
#[must_use]
pub fn arrange(next: Timestamp, now: Timestamp) -> (Carrier, Timestamp) {
    if next.since(now) <= LONGEST_QUEUED {
        (Carrier::Queue, next.after(RESCUE_AFTER))
    } else {
        (Carrier::Sweep, next)
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Owed: waiting for its first or next attempt.
    Pending {
        /// When it is planned for; `None` when no time is known.
        next_attempt: Option<Timestamp>,
    },
    /// Owed, but its endpoint is disabled: kept without a next attempt until it is resumed.
    Parked,
    /// The receiver answered 2xx.
    Delivered,
    /// Every attempt of the schedule failed: a dead letter.
    Dead,
    /// Given up by an operator, for good.
    Discarded,
}

impl State {
    /// One of each, in the order they are counted in.
    pub const ALL: [Self; 5] = [
        Self::Delivered,
        Self::Dead,
        Self::Pending { next_attempt: None },
        Self::Parked,
        Self::Discarded,
    ];

    /// The word the API and the store use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Parked => "parked",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The exact reverse of [`word`](Self::word); a pending one has no planned time.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether a new round of tries may begin from here.
    #[must_use]
    pub fn is_replayable(self) -> bool {
        matches!(self, Self::Parked | Self::Delivered | Self::Dead)
    }

    /// Whether an operator may give it up for good.
    #[must_use]
    pub fn is_discardable(self) -> bool {
        matches!(self, Self::Parked | Self::Dead)
    }
}

/// What brought a delivery where it stands, when no attempt did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Of a parked one: why its endpoint is disabled, in the words of [`disabled`](crate::endpoint::disabled), or
    /// [`REPLAY_CANCELLED`].
    pub reason: String,
    /// When it came to that.
    pub at: Timestamp,
}

/// Why a delivery is parked although its endpoint is enabled: a replay job was to send it, and was
/// cancelled before.
pub const REPLAY_CANCELLED: &str = "replay_cancelled";

/// The reason of an attempt that could not be made because the event's payload was expunged, and the
/// same in words.
pub const EXPUNGED: (&str, &str) = (
    "event_expunged",
    "the event's payload was expunged before this attempt; nothing was sent",
);

/// The attempt that ends an unfinished delivery of an expunged event: a dead letter. `None` for a
/// settled one, which stays what it is.
#[must_use]
pub fn expunged(state: State, made: u32, now: Timestamp) -> Option<Attempt> {
    let unfinished = matches!(state, State::Pending { .. } | State::Parked);
    let (reason, explanation) = EXPUNGED;
    unfinished.then(|| Attempt::unsent(made.saturating_add(1), now, reason, explanation))
}

/// What a delivery becomes when the `tries`th attempt of its round (from 1), finished at `now`, was
/// read as `verdict`. A wait the receiver asked for can only lengthen the schedule's. `jitter`, from
/// 0 to 1, is asked for only when there is a next attempt to spread.
#[must_use]
pub fn settle(
    verdict: &Verdict,
    tries: u32,
    schedule: &Schedule,
    now: Timestamp,
    jitter: impl FnOnce() -> f64,
) -> State {
    if verdict.outcome == Outcome::Succeeded {
        return State::Delivered;
    }
    if verdict.last {
        return State::Dead;
    }
    let next_attempt = match schedule.delay_after(tries, jitter()) {
        Some(delay) => now.after(delay.max(verdict.retry_after.unwrap_or_default())),
        // What is owed to an endpoint that is disabled is kept: the try after the last is parked.
        None if matches!(verdict.demand, Demand::Disable(_)) => now.after(PARKED_AFTER),
        None => return State::Dead,
    };
    State::Pending {
        next_attempt: Some(next_attempt),
    }
}

/// When a delivery comes back whose last try had its endpoint disabled: by then that is known.
const PARKED_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Control, Seen, Wishes, judge};

    #[test]
    fn states_have_words_and_what_may_follow_them() {
        let table = [
            ("delivered", true, false),
            ("dead", true, true),
            ("pending", false, false),
            ("parked", true, true),
            ("discarded", false, false),
        ];
        for (state, (word, replayable, discardable)) in State::ALL.into_iter().zip(table) {
            assert_eq!(state.word(), word);
            assert_eq!(State::parse(word), Some(state));
            assert_eq!(state.is_replayable(), replayable, "{word}");
            assert_eq!(state.is_discardable(), discardable, "{word}");
        }
        assert_eq!(State::parse("lost"), None);
    }

    #[test]
    fn expunging_ends_only_what_is_unfinished() {
        let now = Timestamp::from_millis(5);
        let ended = State::ALL.map(|state| expunged(state, 2, now).map(|attempt| attempt.number));
        assert_eq!(ended, [None, None, Some(3), Some(3), None]);
    }

    #[test]
    fn short_waits_ride_the_queue_and_long_ones_the_index() {
        let now = Timestamp::from_millis(1_000_000);
        for (seconds, queued) in [
            (0, true),
            (5, true),
            (900, true),
            (901, false),
            (36_000, false),
        ] {
            let next = now.after(Duration::from_secs(seconds));
            let expected = if queued {
                (Carrier::Queue, next.after(RESCUE_AFTER))
            } else {
                (Carrier::Sweep, next)
            };
            assert_eq!(arrange(next, now), expected, "{seconds}");
        }
    }

    #[test]
    fn a_failing_delivery_waits_then_dies_and_a_success_ends_it() {
        let schedule = Schedule::default();
        let now = Timestamp::from_millis(1_000);
        let answer = |status, retry_after| {
            let wishes = Wishes {
                retry_after,
                control: Control::default(),
            };
            judge(Seen::Answer { status, wishes })
        };
        let becomes = |verdict: &Verdict, tries| settle(verdict, tries, &schedule, now, || 0.5);
        let (bad, good) = (answer(500, None), answer(200, None));
        let aborted = Verdict {
            last: true,
            ..bad.clone()
        };
        for tries in 1..8 {
            assert!(
                matches!(becomes(&bad, tries), State::Pending { next_attempt: Some(at) } if at > now)
            );
            assert_eq!(becomes(&good, tries), State::Delivered);
            assert_eq!(becomes(&aborted, tries), State::Dead);
        }
        assert_eq!(becomes(&bad, 8), State::Dead);
        assert_eq!(becomes(&good, 8), State::Delivered);
        for (asked, waits) in [(1, 5), (60, 60)] {
            let verdict = answer(503, Some(Duration::from_secs(asked)));
            let next_attempt = Some(now.after(Duration::from_secs(waits)));
            assert_eq!(becomes(&verdict, 1), State::Pending { next_attempt });
        }
    }
}

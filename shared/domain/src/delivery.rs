//! The state of one event's way to one endpoint, and its legal changes.
//!
//! ```text
//! Pending ──2xx──▶ Delivered
//!    │ ▲
//!    │ └─ failed, schedule has a delay left
//!    └─── failed, schedule used up ──▶ Dead
//! ```

use std::time::Duration;

use crate::attempt::Outcome;
use crate::retry::Schedule;
use crate::time::Timestamp;

/// How long after its planned time an attempt counts as lost and the sweep sends it again. Longer
/// than a message can be in work: the webhook queue's visibility timeout is four minutes.
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
    /// The receiver answered 2xx.
    Delivered,
    /// Every attempt of the schedule failed: a dead letter.
    Dead,
}

impl State {
    /// The word the API and the store use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// What a delivery becomes when attempt `number` (from 1), finished at `now`, had this `outcome`.
#[must_use]
pub fn settle(
    outcome: Outcome,
    number: u32,
    schedule: &Schedule,
    now: Timestamp,
    jitter: f64,
) -> State {
    match (outcome, schedule.delay_after(number, jitter)) {
        (Outcome::Succeeded, _) => State::Delivered,
        (Outcome::Failed, Some(delay)) => State::Pending {
            next_attempt: Some(now.after(delay)),
        },
        (Outcome::Failed, None) => State::Dead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for number in 1..8 {
            let state = settle(Outcome::Failed, number, &schedule, now, 0.5);
            assert!(matches!(state, State::Pending { next_attempt: Some(at) } if at > now));
            assert_eq!(
                settle(Outcome::Succeeded, number, &schedule, now, 0.5),
                State::Delivered
            );
        }
        assert_eq!(settle(Outcome::Failed, 8, &schedule, now, 0.5), State::Dead);
        assert_eq!(
            settle(Outcome::Succeeded, 8, &schedule, now, 0.5),
            State::Delivered
        );
    }
}

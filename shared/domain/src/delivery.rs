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
/// than a message can be in work: the webhook queue's visibility timeout is 180 s.
pub const RESCUE_AFTER: Duration = Duration::from_secs(600);

/// The longest wait that a queue message bridges; longer waits are left to the sweep, which looks
/// a little ahead of the planned time.
/// Source: SQS `DelaySeconds` ≤ 900.
pub const LONGEST_QUEUED: Duration = Duration::from_secs(900);

/// How the next attempt of a pending delivery is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arranged {
    /// A message is sent now and held back this long; `None`: the sweep sends it in time.
    pub queued: Option<Duration>,
    /// When the sweep must act if nobody else has.
    pub due: Timestamp,
}

/// Arranges an attempt planned for `next`.
#[must_use]
pub fn arrange(next: Timestamp, now: Timestamp) -> Arranged {
    let wait = next.since(now);
    if wait <= LONGEST_QUEUED {
        Arranged {
            queued: Some(wait),
            due: next.after(RESCUE_AFTER),
        }
    } else {
        Arranged {
            queued: None,
            due: next,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Owed: waiting for its first or next attempt.
    Pending { next_attempt: Option<Timestamp> },
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

    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending { .. } => false,
            Self::Delivered | Self::Dead => true,
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
            let arranged = arrange(next, now);
            assert_eq!(
                arranged.queued,
                queued.then_some(Duration::from_secs(seconds)),
                "{seconds}"
            );
            assert_eq!(
                arranged.due,
                if queued {
                    next.after(RESCUE_AFTER)
                } else {
                    next
                },
                "{seconds}"
            );
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

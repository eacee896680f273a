//! The state of one event's way to one endpoint, and its legal changes.
//!
//! ```text
//! Pending ──2xx──▶ Delivered
//!    │ ▲
//!    │ └─ failed, schedule has a delay left
//!    └─── failed, schedule used up ──▶ Dead
//! ```

use std::time::Duration;

use crate::attempt::{Outcome, Verdict};
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

/// What a delivery becomes when the `tries`th attempt of its round (from 1), finished at `now`, was
/// read as `verdict`. A wait the receiver asked for can only lengthen the schedule's.
#[must_use]
pub fn settle(
    verdict: &Verdict,
    tries: u32,
    schedule: &Schedule,
    now: Timestamp,
    jitter: f64,
) -> State {
    match (verdict.outcome, schedule.delay_after(tries, jitter)) {
        (Outcome::Succeeded, _) => State::Delivered,
        (Outcome::Failed, Some(delay)) if !verdict.last => State::Pending {
            next_attempt: Some(now.after(delay.max(verdict.retry_after.unwrap_or_default()))),
        },
        (Outcome::Failed, _) => State::Dead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Seen, Wishes, judge};

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
                control: None,
            };
            judge(Seen::Answer { status, wishes })
        };
        let becomes = |verdict: &Verdict, tries| settle(verdict, tries, &schedule, now, 0.5);
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

//! How long a delivery and its event are kept while attempts may follow.
//!
//! What is kept has an end, at which the table forgets it by itself. Whoever works on a delivery that
//! is owed sees to it that the end is further away than the next one who does: an event that waited
//! for long begins with a later end, and before a wait that could reach the end it is moved on. So
//! nothing that is owed is ever forgotten, and what is far from its end costs nothing.

use std::time::Duration;

use crate::attempt::MAX_RETRY_AFTER;
use crate::network::Retention;
use crate::retry::Schedule;
use crate::time::Timestamp;

/// How long everything is kept at least from the moment a round of tries begins, which is longer
/// than the longest schedule. No retention is shorter.
pub const ROUND: Duration = Duration::from_secs(10 * 24 * 3600);

/// How far an end is beyond the next look at what is owed, at least: messages may be late, and waits
/// for an endpoint's breaker or rate come on top of the schedule's.
pub const SLACK: Duration = Duration::from_secs(12 * 3600);

/// So soon after its event's acceptance, the end of a delivery is too far away to be looked at.
pub const FRESH: Duration = Duration::from_secs(6 * 3600);

/// The end of what is stored at `now` about an event accepted at `accepted`, perhaps long before.
#[must_use]
pub fn first_end(accepted: Timestamp, retention: Retention, now: Timestamp) -> Timestamp {
    accepted.after(retention.duration()).max(now.after(ROUND))
}

/// The end for a round of tries that begins at `next`, or for what is parked then; `None` when `expires` is late enough.
#[must_use]
pub fn end_for_round(next: Timestamp, expires: Timestamp) -> Option<Timestamp> {
    let end = next.after(ROUND);
    (end > expires).then_some(end)
}

/// The end for a delivery that is looked at again at `next`; `None` when `expires` is late enough.
#[must_use]
pub fn end_for_wait(next: Timestamp, expires: Timestamp) -> Option<Timestamp> {
    (next.after(SLACK) > expires).then(|| next.after(ROUND))
}

/// The end for a delivery whose `tries`th attempt of its round begins at `now`, whatever comes of it;
/// `None` when `expires` is late enough.
#[must_use]
pub fn end_for_try(
    schedule: &Schedule,
    tries: u32,
    now: Timestamp,
    expires: Timestamp,
) -> Option<Timestamp> {
    let longest = schedule.delay_after(tries, 1.0).unwrap_or_default();
    end_for_wait(now.after(longest.max(MAX_RETRY_AFTER)), expires)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const BEGIN: Timestamp = Timestamp::EPOCH;

    /// What a receiver and bad luck do to one attempt.
    #[derive(Debug, Clone)]
    struct Fate {
        asks_for: u64,
        jitter: f64,
        late: u64,
        /// Waits for a breaker, a rate, a place.
        waits: Vec<u64>,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        let waits = proptest::collection::vec(0..36_900_u64, 0..40);
        (0..=36_000_u64, 0.0_f64..1.0, 0..3_600_u64, waits).prop_map(
            |(asks_for, jitter, late, waits)| Fate {
                asks_for,
                jitter,
                late,
                waits,
            },
        )
    }

    fn schedule() -> impl Strategy<Value = Schedule> {
        proptest::collection::vec(1_u64..648_000, 0..=20).prop_map(|wanted| {
            let mut left = Schedule::MAX_TOTAL.as_secs();
            let fitting = wanted.into_iter().map_while(|delay| {
                let delay = delay.min(left);
                left -= delay;
                (delay > 0).then_some(delay)
            });
            Schedule::from_seconds(&fitting.collect::<Vec<_>>()).unwrap()
        })
    }

    proptest! {
        #[test]
        fn nothing_that_is_owed_is_forgotten(
            schedule in schedule(), days in 10_u64..40, queued in 0..40_u64, fates in proptest::collection::vec(fate(), 21)
        ) {
            let retention = Retention::from_days(days).unwrap();
            let mut now = BEGIN.after(DAY * u32::try_from(queued).unwrap());
            let mut expires = first_end(BEGIN, retention, now);
            for (tries, fate) in (1..=schedule.attempts()).zip(fates) {
                for wait in fate.waits {
                    prop_assert!(now < expires);
                    let looked_at = tries > 1 || now.since(BEGIN) > FRESH;
                    if looked_at {
                        expires = end_for_wait(now, expires).unwrap_or(expires);
                    }
                    now = now.after(Duration::from_secs(if looked_at { wait } else { wait % 90 }));
                }
                prop_assert!(now < expires);
                if tries > 1 || now.since(BEGIN) > FRESH {
                    let end = end_for_try(&schedule, tries, now, expires);
                    prop_assert!(end.is_none_or(|end| end > expires), "an end only moves on");
                    expires = end.unwrap_or(expires);
                }
                let delay = schedule.delay_after(tries, fate.jitter).unwrap_or_default();
                let delay = delay.max(Duration::from_secs(fate.asks_for));
                now = now.after(delay).after(Duration::from_secs(fate.late));
            }
            prop_assert!(now < expires, "and the dead letter is seen");
        }
    }

    #[test]
    fn what_is_far_from_its_end_costs_nothing() {
        let least = Retention::from_days(10).unwrap();
        assert_eq!(least.duration(), ROUND);
        assert_eq!(Retention::from_days(9), None);
        let longest = Schedule::from_seconds(&[648_000]).unwrap();
        let longest = longest.delay_after(1, 1.0).unwrap();
        assert_eq!(longest, DAY * 9);
        assert!(FRESH + Duration::from_secs(600) + longest + SLACK < ROUND);
        let expires = first_end(BEGIN, least, BEGIN);
        let schedule = Schedule::default();
        let mut now = BEGIN;
        for tries in 1..=schedule.attempts() {
            assert_eq!(end_for_try(&schedule, tries, now, expires), None, "{tries}");
            let delay = schedule.delay_after(tries, 1.0).unwrap_or_default();
            now = now.after(delay.max(MAX_RETRY_AFTER));
        }
    }

    #[test]
    fn a_round_has_its_time_whenever_it_begins() {
        let month = BEGIN.after(DAY * 30);
        for (day, expected) in [(0, None), (20, None), (21, Some(31)), (30, Some(40))] {
            let expected = expected.map(|day| BEGIN.after(DAY * day));
            assert_eq!(end_for_round(BEGIN.after(DAY * day), month), expected);
        }
    }
}

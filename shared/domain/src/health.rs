//! How an endpoint is doing, and what that means for the next webhook.
//!
//! ```text
//! Healthy ──failures in a row──▶ Degraded ──more, or 429/502/504──▶ Open ──probe fails──▶ Open, longer
//!    ▲                              │                                │
//!    └──────────── a success ───────┴────────────────────────────────┘
//! ```
//!
//! While open, webhooks wait without using up a try and one at a time goes through as a probe.
//!
//! An endpoint whose answers take long may be well all the same; it is slow for a while, beside
//! whatever else it is, and its webhooks are sent from a queue of their own.
//! Healthy endpoints have no record at all, so healthy traffic writes nothing here. The record is
//! shared by all dispatchers and may lag by a few seconds: it decides when to send, never whether
//! something is owed.

use std::time::Duration;

use crate::attempt::Demand;
use crate::time::Timestamp;

/// Failures in a row that make an endpoint degraded. Fewer are a restart.
pub const DEGRADED_AFTER: u32 = 5;

/// Failures in a row that open the breaker.
pub const OPEN_AFTER: u32 = 10;

/// The wait before the first probe; each failed probe doubles it.
const FIRST_PROBE: Duration = Duration::from_secs(5);

/// The longest wait between probes, which is also the longest that SQS holds a message back.
const LONGEST_PROBE: Duration = Duration::from_secs(900);

/// An attempt that still lasts after so long is counted, and again each time it has lasted so much
/// longer. A batch of webhooks is done when the last of them is answered, so the count is the seconds for
/// which the endpoint kept others from a place.
pub const SLOW: Duration = Duration::from_secs(1);

/// These seconds are counted for so long, and then anew.
pub const COUNTED_FOR: Duration = Duration::from_secs(10);

/// So many in that time make an endpoint slow: it holds two places all the time, of the hundred that
/// the webhook queue has. Fifty endpoints together hold them all before one of them is noticed; a
/// single attempt is not noticed however long it lasts.
const MANY: u32 = 20;

/// How long an endpoint counts as slow after it was seen to be. Long enough that finding it out again
/// costs the others little, short enough that one that was made faster is soon done with it.
const SLOW_FOR: Duration = Duration::from_secs(60);

/// Failing for this long without one success, and so often that the breaker is open, disables an
/// endpoint.
/// Source: Svix's cloud, 5 days.
pub const DISABLED_AFTER: Duration = Duration::from_secs(5 * DAY);

/// When its owner is warned before that.
const WARNED_AFTER: [Duration; 3] = [
    Duration::from_secs(DAY),
    Duration::from_secs(3 * DAY),
    Duration::from_secs(4 * DAY),
];

const DAY: u64 = 24 * 3600;

/// An endpoint that failed last, or is slow. The default is one that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<Timestamp>,
    /// The breaker, when it is open.
    pub open: Option<Open>,
    /// How many warnings of [`WARNED_AFTER`] were given.
    pub warned: u8,
    /// Until when it counts as slow.
    pub slow_until: Option<Timestamp>,
}

/// An open breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When the next probe may go.
    pub probe_at: Timestamp,
    /// Probes failed since it opened.
    pub probes: u32,
}

/// What an endpoint's health says about an attempt now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go ahead.
    Go,
    /// Go ahead if the claim to be the probe is won.
    Probe,
    /// Not before this moment.
    Wait(Timestamp),
}

/// Something about an endpoint that its owner should hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It fails one attempt after another.
    Degraded,
    /// It has failed for days; how many, whole.
    Failing {
        /// Since the first failure.
        days: u64,
    },
    /// It has failed for so long that it is to be disabled.
    Exhausted,
    /// It accepted a webhook again.
    Recovered,
}

impl Change {
    /// For the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Failing { .. } => "failing",
            Self::Exhausted => "exhausted",
            Self::Recovered => "recovered",
        }
    }
}

impl Health {
    /// What an attempt at `now` may do.
    #[must_use]
    pub fn admit(&self, now: Timestamp) -> Admission {
        match self.open {
            None => Admission::Go,
            Some(open) if open.probe_at <= now => Admission::Probe,
            Some(open) => Admission::Wait(open.probe_at),
        }
    }

    /// With the probe claimed until `until`: others wait for what comes of it.
    #[must_use]
    pub fn probing(self, until: Timestamp) -> Self {
        let open = self.open.map(|open| Open {
            probe_at: until,
            ..open
        });
        Self { open, ..self }
    }

    /// After an attempt that failed at `now`.
    #[must_use]
    pub fn failed(self, demand: Demand, now: Timestamp) -> (Self, Option<Change>) {
        let failures = self.failures.saturating_add(1);
        let since = self.failing_since.unwrap_or(now);
        let after = Self {
            failures,
            failing_since: Some(since),
            open: self.opened(failures, demand, now),
            warned: self.warned,
            slow_until: self.slow_until,
        };
        let lasted = now.since(since);
        let due = WARNED_AFTER.iter().filter(|step| lasted >= **step).count();
        let due = u8::try_from(due).unwrap_or(u8::MAX);
        if due > self.warned {
            let days = lasted.as_secs() / DAY;
            let after = Self {
                warned: due,
                ..after
            };
            return (after, Some(Change::Failing { days }));
        }
        // Nobody is switched off unwarned, or for the two failures of a quiet week.
        if lasted >= DISABLED_AFTER && failures >= OPEN_AFTER {
            return (after, Some(Change::Exhausted));
        }
        let change = (failures == DEGRADED_AFTER).then_some(Change::Degraded);
        (after, change)
    }

    fn opened(self, failures: u32, demand: Demand, now: Timestamp) -> Option<Open> {
        let asked = match demand {
            Demand::Slow(wait) => Some(wait.unwrap_or(FIRST_PROBE)),
            Demand::Nothing | Demand::Disable(_) => None,
        };
        if asked.is_none() && failures < OPEN_AFTER && self.open.is_none() {
            return None;
        }
        let probes = self.open.map_or(0, |open| open.probes.saturating_add(1));
        let doubled = FIRST_PROBE.saturating_mul(2_u32.saturating_pow(probes));
        let wait = doubled.max(asked.unwrap_or_default()).min(LONGEST_PROBE);
        Some(Open {
            probe_at: now.after(wait),
            probes,
        })
    }

    /// After an attempt that succeeded at `now`: nothing is left but that it may be slow.
    #[must_use]
    pub fn succeeded(self, now: Timestamp) -> (Self, Option<Change>) {
        let told = self.failures >= DEGRADED_AFTER || self.warned > 0;
        let after = Self {
            slow_until: self.as_of(now).slow_until,
            ..Self::default()
        };
        (after, told.then_some(Change::Recovered))
    }

    /// As it is to be told at `now`, without what is over.
    #[must_use]
    pub fn as_of(self, now: Timestamp) -> Self {
        let slow_until = self.slow_until.filter(|until| *until > now);
        Self { slow_until, ..self }
    }

    /// Whether its webhooks are sent from the queue of slow endpoints at `now`.
    #[must_use]
    pub fn is_slow(&self, now: Timestamp) -> bool {
        self.as_of(now).slow_until.is_some()
    }

    /// Whether slow seconds need no counting at `now`, because the endpoint counts as slow for a good
    /// while longer.
    #[must_use]
    pub fn is_known_slow(&self, now: Timestamp) -> bool {
        self.is_slow(now.after(SLOW_FOR / 2))
    }

    /// After `seen` slow seconds in the time for which they are counted; `None` when they are too few,
    /// or tell nothing new.
    #[must_use]
    pub fn slowed(self, seen: u32, now: Timestamp) -> Option<Self> {
        let slow = seen >= MANY && !self.is_known_slow(now);
        slow.then(|| Self {
            slow_until: Some(now.after(SLOW_FOR)),
            ..self
        })
    }

    /// Whether it is as good as having no record.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        *self == Self::default()
    }

    /// `healthy`, `degraded` or `open`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.open.is_some() {
            "open"
        } else if self.failures >= DEGRADED_AFTER {
            "degraded"
        } else {
            "healthy"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::EPOCH;

    fn secs(seconds: u64) -> Timestamp {
        START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn failures_in_a_row_degrade_then_open_and_probes_come_ever_later() {
        let mut health = Health::default();
        for number in 1..=OPEN_AFTER {
            let (next, change) = health.failed(Demand::Nothing, secs(0));
            let expected = (number == DEGRADED_AFTER).then_some(Change::Degraded);
            assert_eq!(
                (change, next.open.is_some()),
                (expected, number == OPEN_AFTER),
                "{number}"
            );
            health = next;
        }
        let mut now = 0;
        for wait in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
            assert_eq!(health.admit(secs(now)), Admission::Wait(secs(now + wait)));
            now += wait;
            assert_eq!(health.admit(secs(now)), Admission::Probe);
            let claimed = health.probing(secs(now + 60));
            assert_eq!(claimed.admit(secs(now)), Admission::Wait(secs(now + 60)));
            health = claimed.failed(Demand::Nothing, secs(now)).0;
        }
        let well = Health::default();
        assert_eq!(health.succeeded(secs(now)), (well, Some(Change::Recovered)));
        let stumbled = well.failed(Demand::Nothing, secs(now)).0;
        assert_eq!(stumbled.succeeded(secs(now)), (well, None));
    }

    #[test]
    fn slow_is_for_a_minute_and_beside_everything_else() {
        assert_eq!(Health::default().slowed(MANY - 1, secs(0)), None);
        let slow = Health::default().slowed(MANY, secs(0)).unwrap();
        for (now, expected) in [(0, true), (59, true), (60, false)] {
            assert_eq!(slow.is_slow(secs(now)), expected, "{now}");
            let (after, change) = slow.succeeded(secs(now));
            assert_eq!((after.is_healthy(), change), (!expected, None), "{now}");
        }
        assert_eq!(slow.slowed(MANY, secs(29)), None);
        let still = slow.slowed(MANY + 1, secs(30)).unwrap();
        assert!(still.is_slow(secs(89)));
        let (failing, _) = slow.failed(Demand::Nothing, secs(1));
        assert!(failing.is_slow(secs(1)));
        assert_eq!(failing.succeeded(secs(2)), (slow, None));
    }

    #[test]
    fn a_receiver_that_asks_for_less_gets_less_at_once() {
        for (asked, wait) in [
            (None, 5),
            (Some(2), 5),
            (Some(120), 120),
            (Some(9_999), 900),
        ] {
            let demand = Demand::Slow(asked.map(Duration::from_secs));
            let (health, change) = Health::default().failed(demand, secs(0));
            assert_eq!(
                (health.admit(secs(0)), change),
                (Admission::Wait(secs(wait)), None)
            );
        }
    }

    #[test]
    fn five_days_of_failing_are_warned_of_and_then_end() {
        let mut health = Health::default();
        let mut told = Vec::new();
        for hour in 0..=120 {
            let (next, change) = health.failed(Demand::Nothing, secs(hour * 3600));
            told.extend(change.map(|change| (hour, change)));
            health = next;
        }
        assert_eq!(
            told,
            [
                (4, Change::Degraded),
                (24, Change::Failing { days: 1 }),
                (72, Change::Failing { days: 3 }),
                (96, Change::Failing { days: 4 }),
                (120, Change::Exhausted),
            ]
        );
    }

    #[test]
    fn a_quiet_endpoint_is_warned_and_given_its_chances_first() {
        let mut health = Health::default();
        let mut told = Vec::new();
        for (number, day) in (1..=OPEN_AFTER).zip((0..).step_by(6)) {
            let (next, change) = health.failed(Demand::Nothing, secs(day * DAY));
            told.extend(change.map(|change| (number, change)));
            health = next;
        }
        assert_eq!(
            told,
            [
                (2, Change::Failing { days: 6 }),
                (DEGRADED_AFTER, Change::Degraded),
                (OPEN_AFTER, Change::Exhausted),
            ]
        );
    }

    proptest! {
        #[test]
        fn an_open_breaker_always_lets_a_probe_through_in_time(failures in 0_u32..200, probes in 0_u32..200, asked in 0_u64..100_000) {
            let before = Health { failures, open: Some(Open { probe_at: START, probes }), ..Health::default() };
            let (after, _) = before.failed(Demand::Slow(Some(Duration::from_secs(asked))), START);
            let Admission::Wait(until) = after.admit(START) else { panic!("open") };
            prop_assert!(until <= START.after(LONGEST_PROBE) && until > START);
            prop_assert_eq!(after.admit(until), Admission::Probe);
        }
    }
}

//! Bursts: how many pushes of one event a person gets before the rest become a summary.

use std::time::Duration;

use crate::time::Timestamp;

/// How many pushes a bucket holds, and how long it takes to fill from empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Most pushes at once; 0 throttles nothing.
    pub pushes: u32,
    /// In which as many pushes come back.
    pub per: Duration,
}

impl Default for Rate {
    /// 10 a minute.
    fn default() -> Self {
        Self {
            pushes: 10,
            per: Duration::from_secs(60),
        }
    }
}

/// The bucket of one person and event. Thousandths of a push are counted, so that short waits are
/// not lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// What is left, in thousandths of a push.
    pub millis_left: u64,
    /// When that was so.
    pub at: Timestamp,
}

/// What becomes of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It goes out; the bucket is as given.
    Sent(Bucket),
    /// It is collapsed into the summary that goes out at the time given.
    Collapsed {
        /// When the bucket holds a push again.
        until: Timestamp,
    },
}

const PUSH: u64 = 1000;

impl Bucket {
    /// A bucket nobody has taken from.
    #[must_use]
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            millis_left: u64::from(rate.pushes).saturating_mul(PUSH),
            at: now,
        }
    }

    /// Takes one push out at `now`. A clock that went back counts as standing still.
    #[must_use]
    pub fn take(self, rate: Rate, now: Timestamp) -> Taken {
        let most = Self::full(rate, now).millis_left;
        if most == 0 {
            return Taken::Sent(Self {
                millis_left: 0,
                at: now,
            });
        }
        let per = u64::try_from(rate.per.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let waited = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let back = waited.min(per).saturating_mul(most) / per;
        let left = self.millis_left.saturating_add(back).min(most);
        match left.checked_sub(PUSH) {
            Some(millis_left) => Taken::Sent(Self {
                millis_left,
                at: now.max(self.at),
            }),
            None => {
                // From the bucket's own time, so that asking often does not add up roundings.
                let lacking = PUSH.saturating_sub(self.millis_left);
                let wait = lacking.saturating_mul(per).div_ceil(most);
                Taken::Collapsed {
                    until: self.at.after(Duration::from_millis(wait)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn ten_a_minute_are_sent_and_then_one_each_six_seconds() {
        let rate = Rate::default();
        let mut bucket = Bucket::full(rate, at(0));
        for _ in 0..10 {
            let Taken::Sent(left) = bucket.take(rate, at(0)) else {
                panic!("the bucket was empty too soon");
            };
            bucket = left;
        }
        assert_eq!(
            bucket.take(rate, at(0)),
            Taken::Collapsed { until: at(6_000) }
        );
        assert_eq!(
            bucket.take(rate, at(5_000)),
            Taken::Collapsed { until: at(6_000) }
        );
        assert!(matches!(bucket.take(rate, at(6_000)), Taken::Sent(_)));
        let unlimited = Rate { pushes: 0, ..rate };
        assert!(matches!(bucket.take(unlimited, at(0)), Taken::Sent(_)));
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_two_buckets(pushes in 1_u32..20, gaps in proptest::collection::vec(0_u64..20_000, 1..200)) {
            let rate = Rate { pushes, per: Duration::from_secs(60) };
            let mut bucket = Bucket::full(rate, at(0));
            let (mut now, mut sent) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                match bucket.take(rate, at(now)) {
                    Taken::Sent(left) => { bucket = left; sent.push(now); }
                    Taken::Collapsed { until } => {
                        prop_assert!(until > at(now));
                        prop_assert!(matches!(bucket.take(rate, until), Taken::Sent(_)));
                    }
                }
            }
            for start in &sent {
                let inside = sent.iter().filter(|at| (*start..start + 60_000).contains(*at)).count();
                prop_assert!(inside <= 2 * pushes as usize);
            }
        }
    }
}

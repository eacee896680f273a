//! When to try again.
//!
//! The shape follows `linkerd2-proxy`'s back-off: validated once, pure afterwards, randomness as
//! an argument.

use std::time::Duration;

/// Delays after each failed attempt. One more attempt than delays is made in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// Why a list of delays is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// More than [`Schedule::MAX_DELAYS`].
    #[error("must hold at most {} delays", Schedule::MAX_DELAYS)]
    TooMany,
    /// A delay is under one second or over [`Schedule::MAX_TOTAL`].
    #[error("each delay must be between 1 second and {} seconds", Schedule::MAX_TOTAL.as_secs())]
    OutOfRange,
    /// The delays together exceed [`Schedule::MAX_TOTAL`].
    #[error("must add up to at most {} seconds", Schedule::MAX_TOTAL.as_secs())]
    TooLong,
}

impl ScheduleError {
    /// A stable word for the rule.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooMany => "count",
            Self::OutOfRange => "range",
            Self::TooLong => "too_long",
        }
    }
}

impl Schedule {
    /// Most delays in one schedule, which makes 21 attempts.
    pub const MAX_DELAYS: usize = 20;
    /// 7.5 days: well inside the 14 days SQS may keep a message and the 30 days events are kept.
    pub const MAX_TOTAL: Duration = Duration::from_secs(648_000);
    /// Jitter spreads a delay over ±20 %, as Svix does, so that failures do not return in step.
    pub const JITTER: f64 = 0.2;

    /// # Errors
    /// The first broken limit.
    pub fn try_new(delays: Vec<Duration>) -> Result<Self, ScheduleError> {
        if delays.len() > Self::MAX_DELAYS {
            return Err(ScheduleError::TooMany);
        }
        let allowed = Duration::from_secs(1)..=Self::MAX_TOTAL;
        if !delays.iter().all(|delay| allowed.contains(delay)) {
            return Err(ScheduleError::OutOfRange);
        }
        if delays.iter().sum::<Duration>() > Self::MAX_TOTAL {
            return Err(ScheduleError::TooLong);
        }
        Ok(Self(delays))
    }

    /// From whole seconds.
    ///
    /// # Errors
    /// The first broken limit.
    pub fn from_seconds(delays: &[u64]) -> Result<Self, ScheduleError> {
        Self::try_new(delays.iter().copied().map(Duration::from_secs).collect())
    }

    /// The delays in whole seconds.
    pub fn seconds(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(Duration::as_secs)
    }

    /// How many attempts are made before a delivery is dead.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.0.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// The delay after attempt number `attempt` (from 1) failed; `None` when it was the last.
    /// `jitter` is uniform in 0..1.
    #[must_use]
    pub fn delay_after(&self, attempt: u32, jitter: f64) -> Option<Duration> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let base = self.0.get(index)?;
        let factor = 1.0 + Self::JITTER * (2.0 * jitter.clamp(0.0, 1.0) - 1.0);
        Some(base.mul_f64(factor))
    }
}

impl Default for Schedule {
    /// 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 10 h: eight attempts in 27 h 35 m 5 s, the field's
    /// best-known schedule (Svix).
    fn default() -> Self {
        const SECONDS: [u64; 7] = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
        Self(SECONDS.into_iter().map(Duration::from_secs).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_default_is_eight_attempts_in_27_h_35_m_5_s() {
        let schedule = Schedule::default();
        let total: Duration = (1..=8).filter_map(|n| schedule.delay_after(n, 0.5)).sum();
        assert_eq!(schedule.attempts(), 8);
        assert_eq!(total, Duration::from_secs(27 * 3600 + 35 * 60 + 5));
        assert_eq!(schedule.delay_after(8, 0.5), None);
        assert_eq!(schedule.delay_after(0, 0.5), None);
        assert_eq!(Schedule::try_new(schedule.0.clone()), Ok(schedule));
    }

    #[test]
    fn each_limit_has_its_own_message() {
        let secs = Duration::from_secs;
        for (delays, error) in [
            (vec![secs(1); 21], ScheduleError::TooMany),
            (vec![secs(0)], ScheduleError::OutOfRange),
            (vec![secs(648_001)], ScheduleError::OutOfRange),
            (vec![secs(400_000), secs(400_000)], ScheduleError::TooLong),
        ] {
            assert_eq!(Schedule::try_new(delays), Err(error));
        }
    }

    proptest! {
        #[test]
        fn delays_stay_within_their_jitter_and_do_jitter(
            seconds in proptest::collection::vec(1_u64..32_000, 1..=20), jitter in 0.0_f64..1.0, pick: prop::sample::Index
        ) {
            let index = pick.index(seconds.len());
            let base = Duration::from_secs(seconds[index]);
            let schedule = Schedule::try_new(seconds.into_iter().map(Duration::from_secs).collect()).unwrap();
            let attempt = u32::try_from(index).unwrap() + 1;
            let delay = schedule.delay_after(attempt, jitter).unwrap();
            prop_assert!(delay >= base.mul_f64(0.799) && delay <= base.mul_f64(1.201), "{delay:?} of {base:?}");
            prop_assert!(schedule.delay_after(attempt, 0.0) < schedule.delay_after(attempt, 0.9));
            prop_assert_eq!(schedule.delay_after(schedule.attempts(), jitter), None);
        }
    }
}

//! What a network decides about all its events.

use std::time::Duration;

/// A network's rules, as of two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// How long events, deliveries and answers are kept.
    pub retention: Retention,
    /// Whether events of unknown types, and events that break the schema of their type, are refused.
    pub strict: bool,
    /// Grows with each change of the two above; 0 for a network that never changed them.
    pub version: u64,
    /// Grows with each change of an own event type; 0 for a network that never had one.
    pub types_version: u64,
}

/// How long what happened is kept, from the event's acceptance on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(u16);

impl Retention {
    /// What [`from_days`](Self::from_days) accepts, as the message of a field error.
    pub const RULE: &'static str = "must be from 10 to 365: a delivery may be tried for 9 days, and must not be forgotten before";

    /// `None` when the number breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn from_days(days: u64) -> Option<Self> {
        let days = u16::try_from(days).ok()?;
        (10..=365).contains(&days).then_some(Self(days))
    }

    /// In days.
    #[must_use]
    pub fn days(self) -> u16 {
        self.0
    }

    /// As a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 24 * 3600)
    }
}

/// Source: the longest of the field's public retention periods (Stripe, Hook0): 30 days.
impl Default for Retention {
    fn default() -> Self {
        Self(30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_ten_days_to_a_year() {
        let kept: Vec<_> = (0..=400).filter_map(Retention::from_days).collect();
        let ends = (kept[0].days(), kept[kept.len() - 1].days());
        assert_eq!((kept.len(), ends), (356, (10, 365)));
        assert_eq!(Retention::from_days(u64::MAX), None);
        assert_eq!(kept[0].duration().as_secs(), 864_000);
    }
}

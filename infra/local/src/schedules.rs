//! When time-driven functions run, and what they are told.

mod cron;

use std::time::Duration;

use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::world;
use cron::Cron;

/// An EventBridge schedule expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Rate(Duration),
    Cron(Cron),
}

impl Expression {
    /// Reads `rate(5 minutes)` or `cron(0 12 * * ? *)`.
    ///
    /// # Errors
    /// In words that say what is understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner = |name: &str| {
            text.strip_prefix(name)?
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        if let Some(rate) = inner("rate") {
            return rate_of(rate).map(Self::Rate).ok_or_else(|| {
                format!("{text} is no rate; write rate(1 minute), rate(5 minutes), rate(1 hour) or rate(1 day)")
            });
        }
        if let Some(fields) = inner("cron") {
            return Cron::parse(fields).map(Self::Cron);
        }
        Err(format!(
            "{text} is not understood; write rate(…) or cron(…)"
        ))
    }

    /// How long to wait at `now` for the next run.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Rate(period) => Some(*period),
            Self::Cron(cron) => cron.next_after(now).map(|next| next.since(now)),
        }
    }
}

fn rate_of(text: &str) -> Option<Duration> {
    let (count, unit) = text.trim().split_once(' ')?;
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    // EventBridge wants the singular for one and the plural for more.
    let seconds = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 3_600,
        ("day", 1) | ("days", 2..) => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(seconds * count))
}

/// What EventBridge Scheduler sends when a schedule names no input.
pub(crate) fn standard_event(name: &str, id: &str, now: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": world::ACCOUNT,
        "time": now.to_string(),
        "region": world::REGION,
        "resources": [world::arn("scheduler", &format!("schedule/default/{name}"))],
        "detail": "{}",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_say_when() {
        let now = Timestamp::parse("2026-11-23T10:15:30Z").unwrap();
        for (text, wait) in [
            ("rate(1 minute)", Some(60)),
            ("rate(2 hours)", Some(7_200)),
            ("cron(16 10 * * ? *)", Some(30)),
            ("cron(0 12 * * ? *)", Some(6_270)),
            ("cron(*/20 * * * ? *)", Some(270)),
            // 2026-11-23 is a Monday: day 2 of EventBridge's week.
            ("cron(0 0 ? * 3 *)", Some(49_470)),
            ("cron(0 0 ? * TUE-WED *)", Some(49_470)),
            ("cron(0 0 1 12 ? *)", Some(7 * 86_400 + 49_470)),
            ("cron(0 0 31 2 ? *)", None),
        ] {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(
                expression.wait(now),
                wait.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused_with_advice() {
        for (text, message) in [
            (
                "each minute",
                "each minute is not understood; write rate(…) or cron(…)",
            ),
            (
                "rate(1 minutes)",
                "rate(1 minutes) is no rate; write rate(1 minute), rate(5 minutes), rate(1 hour) or rate(1 day)",
            ),
            (
                "rate(0 minutes)",
                "rate(0 minutes) is no rate; write rate(1 minute), rate(5 minutes), rate(1 hour) or rate(1 day)",
            ),
            (
                "cron(* * *)",
                "cron needs six fields: minute hour day month weekday year",
            ),
            (
                "cron(61 * * * ? *)",
                "cron field 61 is not understood; write *, ?, numbers, a-b, a,b or a/step within 0 to 59",
            ),
            (
                "cron(0 0 * * ? 2027)",
                "cron year 2027 is not supported here; write *",
            ),
        ] {
            assert_eq!(Expression::parse(text).unwrap_err(), message);
        }
    }
}

//! The part of EventBridge's cron that a service needs: all fields but the year and `L`, `W`, `#`.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::time::Timestamp;
use time::OffsetDateTime;

/// Long enough to meet any 29th of February.
const SEARCHED_MINUTES: u32 = 8 * 366 * 24 * 60;
const MINUTE: Duration = Duration::from_secs(60);

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    minutes: BTreeSet<u8>,
    hours: BTreeSet<u8>,
    days: BTreeSet<u8>,
    months: BTreeSet<u8>,
    /// From 1 for Sunday.
    weekdays: BTreeSet<u8>,
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday, year] = fields.as_slice() else {
            return Err("cron needs six fields: minute hour day month weekday year".to_owned());
        };
        if *year != "*" {
            return Err(format!("cron year {year} is not supported here; write *"));
        }
        Ok(Self {
            minutes: field(minute, 0, 59, &[])?,
            hours: field(hour, 0, 23, &[])?,
            days: field(day, 1, 31, &[])?,
            months: field(month, 1, 12, &MONTHS)?,
            weekdays: field(weekday, 1, 7, &WEEKDAYS)?,
        })
    }

    /// The first matching minute after `now`; `None` when there is none for years.
    pub(super) fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let mut minute = Timestamp::from_millis(now.millis() / 60_000 * 60_000);
        for _ in 0..SEARCHED_MINUTES {
            minute = minute.after(MINUTE);
            if self.matches(minute)? {
                return Some(minute);
            }
        }
        None
    }

    fn matches(&self, minute: Timestamp) -> Option<bool> {
        let seconds = i64::try_from(minute.seconds()).ok()?;
        let at = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        Some(
            self.minutes.contains(&at.minute())
                && self.hours.contains(&at.hour())
                && self.days.contains(&at.day())
                && self.months.contains(&u8::from(at.month()))
                && self.weekdays.contains(&at.weekday().number_from_sunday()),
        )
    }
}

fn field(text: &str, low: u8, high: u8, names: &[&str]) -> Result<BTreeSet<u8>, String> {
    let part = |part: &str| range(part, low, high, names);
    let parts: Option<Vec<BTreeSet<u8>>> = text.split(',').map(part).collect();
    let all: BTreeSet<u8> = parts.into_iter().flatten().flatten().collect();
    if all.is_empty() {
        return Err(format!(
            "cron field {text} is not understood; write *, ?, numbers, a-b, a,b or a/step within {low} to {high}"
        ));
    }
    Ok(all)
}

/// One comma-separated part: `*`, `?`, `5`, `MON`, `5-9`, `*/10`, `5/10`, `5-30/10`.
fn range(text: &str, low: u8, high: u8, names: &[&str]) -> Option<BTreeSet<u8>> {
    let (span, step) = match text.split_once('/') {
        Some((span, step)) => (
            span,
            Some(step.parse::<u8>().ok().filter(|step| *step > 0)?),
        ),
        None => (text, None),
    };
    let value = |text: &str| {
        let named = (low..)
            .zip(names)
            .find(|(_, name)| **name == text)
            .map(|(number, _)| number);
        named
            .or_else(|| text.parse().ok())
            .filter(|number| (low..=high).contains(number))
    };
    let (first, last) = match span.split_once('-') {
        Some((first, last)) => (value(first)?, value(last)?),
        None if matches!(span, "*" | "?") => (low, high),
        // A start with a step runs to the end of the field.
        None => (
            value(span)?,
            if step.is_some() { high } else { value(span)? },
        ),
    };
    Some(
        (first..=last)
            .step_by(usize::from(step.unwrap_or(1)))
            .collect(),
    )
}

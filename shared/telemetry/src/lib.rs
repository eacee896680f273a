#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod chain;
pub mod event;

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The CloudWatch namespace of every metric.
const NAMESPACE: &str = "Fanfare";

/// A fact worth a line.
pub trait Event: Serialize {
    /// Past tense, e.g. `BatchDispatched`.
    const NAME: &'static str;
    /// The same for every event of the type.
    const LEVEL: Level;
    /// Fields (by their serialised names) that are metrics, with unit.
    const METRICS: &'static [(&'static str, Unit)] = &[];
    /// Fields that are metric dimensions; values must come from small sets.
    const DIMENSIONS: &'static [&'static str] = &[];
}

/// `Error` means that a person should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The normal course of things, failures of others included.
    Info,
    /// Something was lost or will be repeated, and nobody need act at once.
    Warn,
    /// A person should look.
    Error,
}

/// What a metric counts in, in the words of CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration in thousandths of a second.
    Milliseconds,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Where lines go. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Sink>);

type Sink = dyn Fn(Level, &str) + Send + Sync;

impl Telemetry {
    /// To standard output, which Lambda sends to CloudWatch Logs.
    #[must_use]
    pub fn stdout() -> Self {
        Self::to(|_, line| {
            // A closed pipe must not fail a delivery.
            drop(writeln!(std::io::stdout().lock(), "{line}"));
        })
    }

    /// To a function, e.g. a terminal filter or a test's list.
    #[must_use]
    pub fn to(sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Writes one line. `now` is milliseconds since the Unix epoch.
    pub fn emit<E: Event>(&self, event: &E, now: u64) {
        (self.0)(E::LEVEL, &line(event, now));
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telemetry")
    }
}

fn line<E: Event>(event: &E, now: u64) -> String {
    let mut object = Map::new();
    object.insert("timestamp".into(), now.into());
    object.insert("level".into(), E::LEVEL.word().into());
    object.insert("event".into(), E::NAME.into());
    if let Ok(Value::Object(fields)) = serde_json::to_value(event) {
        object.extend(fields);
    }
    if !E::METRICS.is_empty() {
        object.insert("_aws".into(), embedded_metrics::<E>(now));
    }
    Value::Object(object).to_string()
}

/// CloudWatch Embedded Metric Format specification, "Metadata object".
fn embedded_metrics<E: Event>(now: u64) -> Value {
    let metrics: Vec<_> = E::METRICS
        .iter()
        .map(|(name, unit)| json!({"Name": name, "Unit": unit.word()}))
        .collect();
    json!({
        "Timestamp": now,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [E::DIMENSIONS],
            "Metrics": metrics,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::BatchDispatched;

    #[test]
    fn a_line_is_log_and_metric_at_once() {
        let event = BatchDispatched {
            delivered: 9,
            retried: 1,
            dead: 0,
            parked: 0,
            stale: 0,
            moved: 0,
            duration_ms: 12,
        };
        let line: Value = serde_json::from_str(&line(&event, 5)).unwrap();
        assert_eq!(line["event"], "BatchDispatched");
        assert_eq!(line["delivered"], 9);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Fanfare");
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number());
        }
    }
}

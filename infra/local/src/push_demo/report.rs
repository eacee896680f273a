//! The end of the story, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use simulator::Received;

use crate::demo::figures::{grouped, percentile, ratio, rounded};

/// Names as `--json` prints them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) accepted: usize,
    gated: usize,
    sent: usize,
    pub(super) delivered: usize,
    dead_tokens: usize,
    retried: usize,
    p50_ms: u64,
    p99_ms: u64,
    pushes_per_second: f64,
    #[serde(skip)]
    measured: usize,
    #[serde(skip)]
    arrived: usize,
    #[serde(skip)]
    pub(super) chapters: Vec<Chapter>,
    #[serde(skip)]
    pub(super) sample: Option<Received>,
}

/// One thing that was tried on purpose.
#[derive(Debug)]
pub(super) struct Chapter {
    title: &'static str,
    good: bool,
    explanation: String,
}

impl Chapter {
    pub(super) fn new(title: &'static str, good: bool, explanation: String) -> Self {
        Self {
            title,
            good,
            explanation,
        }
    }
}

impl Report {
    pub(super) fn measured(&mut self, count: usize, latencies: &[Duration], took: Duration) {
        self.measured = count;
        self.arrived = latencies.len();
        self.p50_ms = percentile(latencies, 50);
        self.p99_ms = percentile(latencies, 99);
        let arrived = u64::try_from(latencies.len()).unwrap_or(u64::MAX);
        self.pushes_per_second = rounded(ratio(arrived, 1) / took.as_secs_f64().max(0.001), 1.0);
    }

    /// One record of a push.
    pub(super) fn count(&mut self, item: &Value) {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let attempts = item.get("attempts").and_then(Value::as_u64);
        match text("state") {
            "gated" => self.gated += 1,
            "sent" => self.sent += 1,
            "dead" => self.dead_tokens += 1,
            _ => {}
        }
        if attempts > Some(1) {
            self.retried += 1;
        }
    }

    /// What is wrong, if anything is.
    pub(super) fn complaint(&self) -> Option<String> {
        if self.arrived < self.measured {
            let missing = self.measured - self.arrived;
            return Some(format!(
                "{missing} of {} pushes are missing: nothing arrived for a minute",
                self.measured
            ));
        }
        let failed = self.chapters.iter().find(|chapter| !chapter.good)?;
        Some(format!("{}: {}", failed.title, failed.explanation))
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn to_table(&self) -> String {
        let number = |count: usize| grouped(u64::try_from(count).unwrap_or(u64::MAX));
        let rows = [
            (
                "accepted",
                number(self.accepted),
                "events, each for one phone",
            ),
            (
                "sent",
                number(self.sent),
                "pushes that Apple, Google or Baidu took",
            ),
            ("delivered", number(self.delivered), "shown by phones"),
            ("gated", number(self.gated), "stopped by a setting"),
            ("dead tokens", number(self.dead_tokens), "forgotten"),
            (
                "retried",
                number(self.retried),
                "after what the provider asked for",
            ),
            ("p50", grouped(self.p50_ms), "ms from post to phone"),
            ("p99", grouped(self.p99_ms), "ms"),
            ("pushes/s", format!("{}", self.pushes_per_second), ""),
        ];
        let mut table = String::new();
        for (name, figure, note) in rows {
            let _infallible = writeln!(table, "  {name:<12} {figure:>9}  {note}");
        }
        for chapter in &self.chapters {
            let sign = if chapter.good { "✓" } else { "✗" };
            let (title, say) = (chapter.title, &chapter.explanation);
            let _infallible = writeln!(table, "\n{sign} {title}\n  {say}");
        }
        if let Some(sample) = &self.sample {
            let _infallible = writeln!(table, "\nAs a phone shows it:\n  {}", sample.line());
        }
        table
    }
}

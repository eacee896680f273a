//! The only place that prints.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Map, Value};
use telemetry::chain::chain;
use telemetry::{Level, Telemetry};

/// Which telemetry lines a person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Warnings and errors.
    Quiet,
    All,
}

/// Results, to standard output. A closed pipe is the reader's choice, not an error of ours.
pub(crate) fn say(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// News, to standard error.
pub(crate) fn tell(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Says what failed, with all causes.
pub(crate) fn fail(error: &dyn std::error::Error) -> ExitCode {
    tell(&format!("fanfare: failed to {}", chain(error)));
    ExitCode::FAILURE
}

/// The functions' telemetry as a live log on standard error.
pub(crate) fn live_log(verbosity: Verbosity) -> Telemetry {
    Telemetry::to(move |level, line| {
        if verbosity == Verbosity::All || level != Level::Info {
            tell(&readable(line));
        }
    })
}

/// `12:00:00 WARN  DeliveryDied attempts=8 network=demo`; a line that is no JSON stays as it is.
fn readable(line: &str) -> String {
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(line) else {
        return line.to_owned();
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let millis = fields
        .get("timestamp")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let at = domain::time::Timestamp::from_millis(millis).to_string();
    let clock = at.get(11..19).unwrap_or_default();
    let mut shown = format!("{clock} {:<5} {}", text("level"), text("event"));
    for (name, value) in &fields {
        if matches!(name.as_str(), "timestamp" | "level" | "event" | "_aws") || value.is_null() {
            continue;
        }
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        shown.push_str(&format!(" {name}={value}"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_for_people() {
        let line = r#"{"timestamp":3600000,"level":"WARN","event":"DeliveryDied","network":"demo","attempts":8,"problem":null,"_aws":{}}"#;
        assert_eq!(
            readable(line),
            "01:00:00 WARN  DeliveryDied attempts=8 network=demo"
        );
        assert_eq!(readable("not json"), "not json");
    }
}

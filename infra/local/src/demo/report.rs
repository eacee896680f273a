//! The end of a demo, for people and for programs.

use std::time::Duration;

use aws_local::{CallCounts, Service};
use serde::Serialize;

use super::figures::{grouped, percentile, ratio, rounded};
use super::producer::EVENTS_UNDER_WAY;
use super::run::REFUSALS;
use super::tally::Tally;
use crate::cli::DemoArgs;

/// Names as `--json` prints them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    #[serde(skip)]
    events: u64,
    #[serde(skip)]
    endpoints: u64,
    accepted: u64,
    delivered: u64,
    verified: u64,
    duplicates: u64,
    retried: u64,
    p50_ms: u64,
    p95_ms: u64,
    p99_ms: u64,
    events_per_second: f64,
    calls_per_delivery: CallsPerDelivery,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallsPerDelivery {
    dynamodb_write_units: f64,
    dynamodb_reads: f64,
    sqs: f64,
    secretsmanager: f64,
}

/// What the embedded services were asked.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) counts: CallCounts,
    /// Receives among them that returned nothing.
    pub(super) idle_polls: u64,
}

const READS: [&str; 5] = [
    "GetItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "TransactGetItems",
];

impl Report {
    pub(super) fn new(
        args: &DemoArgs,
        accepted: u64,
        tally: &Tally,
        elapsed: Duration,
        calls: &Calls,
    ) -> Self {
        let counts = tally.counts();
        let latencies = tally.latencies();
        Self {
            events: args.events.into(),
            endpoints: args.endpoints.into(),
            accepted,
            delivered: counts.delivered,
            verified: counts.verified,
            duplicates: counts.duplicates,
            retried: counts.retried,
            p50_ms: percentile(&latencies, 50),
            p95_ms: percentile(&latencies, 95),
            p99_ms: percentile(&latencies, 99),
            events_per_second: rounded(ratio(accepted, 1) / elapsed.as_secs_f64().max(0.001), 1.0),
            calls_per_delivery: CallsPerDelivery::new(calls, counts.delivered),
        }
    }

    /// What is wrong, if anything is.
    pub(super) fn complaint(&self) -> Option<String> {
        let expected = self.accepted * self.endpoints;
        if self.delivered < expected {
            return Some(format!(
                "{} of {expected} deliveries are missing: nothing arrived for a minute; the lines above may say why",
                expected - self.delivered
            ));
        }
        if self.accepted < self.events {
            return Some(format!(
                "only {} of {} events were accepted",
                self.accepted, self.events
            ));
        }
        if self.verified < self.delivered {
            return Some(format!(
                "{} deliveries had wrong signatures",
                self.delivered - self.verified
            ));
        }
        None
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn to_table(&self) -> String {
        let calls = &self.calls_per_delivery;
        let expected = self.accepted * self.endpoints;
        let rows = [
            (
                "accepted",
                grouped(self.accepted),
                format!("of {} events", grouped(self.events)),
            ),
            (
                "delivered",
                grouped(self.delivered),
                format!(
                    "of {} ({} endpoints each)",
                    grouped(expected),
                    self.endpoints
                ),
            ),
            (
                "verified",
                grouped(self.verified),
                "both signatures, by public libraries".to_owned(),
            ),
            ("duplicates", grouped(self.duplicates), String::new()),
            (
                "retries",
                grouped(self.retried),
                format!("one receiver refused its first {REFUSALS}"),
            ),
            (
                "p50",
                grouped(self.p50_ms),
                "ms from accept to receipt".to_owned(),
            ),
            ("p95", grouped(self.p95_ms), "ms".to_owned()),
            ("p99", grouped(self.p99_ms), "ms".to_owned()),
            (
                "events/s",
                format!("{:.0}", self.events_per_second),
                "until the last first try arrived".to_owned(),
            ),
            ("AWS calls per delivery", String::new(), String::new()),
            (
                "  DynamoDB writes",
                format!("{:.2}", calls.dynamodb_write_units),
                "write units".to_owned(),
            ),
            (
                "  DynamoDB reads",
                format!("{:.2}", calls.dynamodb_reads),
                "calls".to_owned(),
            ),
            ("  SQS", format!("{:.2}", calls.sqs), "calls*".to_owned()),
            (
                "  Secrets Manager",
                format!("{:.2}", calls.secretsmanager),
                "calls".to_owned(),
            ),
        ];
        let mut table = String::from("\n");
        for (name, value, note) in rows {
            let row = format!("  {name:<24}{value:>9}  {note}");
            table.push_str(row.trim_end());
            table.push('\n');
        }
        table.push_str(&format!(
            "\n  * sends, receives that returned messages, and deletes; each moves up to ten messages.\n    \
             Latency counts every delivery, the refused and retried ones included;\n    \
             at most {EVENTS_UNDER_WAY} events are under way at once.\n"
        ));
        table
    }
}

impl CallsPerDelivery {
    fn new(calls: &Calls, deliveries: u64) -> Self {
        let Calls {
            counts: calls,
            idle_polls,
        } = calls;
        let per = |calls: u64| rounded(ratio(calls, deliveries), 1000.0);
        let reads = READS
            .iter()
            .map(|operation| calls.count(Service::DynamoDb, operation))
            .sum();
        let units = calls.dynamodb_write_units / ratio(deliveries.max(1), 1);
        Self {
            dynamodb_write_units: rounded(units, 1000.0),
            dynamodb_reads: per(reads),
            sqs: per(calls.total(Service::Sqs).saturating_sub(*idle_polls)),
            secretsmanager: per(calls.total(Service::SecretsManager)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::Receipt;

    fn report(delivered: u32, trusted: bool) -> Report {
        let tally = Tally::new();
        for number in 0..delivered {
            let latency = Duration::from_millis(u64::from(number) + 1);
            tally.take(Receipt {
                receiver: 0,
                id: number.to_string(),
                trusted,
                latency,
                refusals: 0,
            });
        }
        let args = DemoArgs {
            events: 100,
            endpoints: 1,
            push: false,
            json: false,
            data: None,
            verbose: false,
        };
        let mut calls = CallCounts {
            dynamodb_write_units: 300.0,
            ..CallCounts::default()
        };
        let sqs = calls.operations.entry("sqs".to_owned()).or_default();
        sqs.insert("SendMessageBatch".to_owned(), 20);
        sqs.insert("ReceiveMessage".to_owned(), 10);
        let calls = Calls {
            counts: calls,
            idle_polls: 2,
        };
        Report::new(&args, 100, &tally, Duration::from_secs(2), &calls)
    }

    #[test]
    fn a_good_report_has_exactly_the_promised_names() {
        let report = report(100, true);
        assert_eq!(report.complaint(), None);
        assert_eq!(
            report.to_json(),
            r#"{"accepted":100,"delivered":100,"verified":100,"duplicates":0,"retried":0,"p50Ms":50,"p95Ms":95,"p99Ms":99,"eventsPerSecond":50.0,"callsPerDelivery":{"dynamodbWriteUnits":3.0,"dynamodbReads":0.0,"sqs":0.28,"secretsmanager":0.0}}"#
        );
        assert!(
            report
                .to_table()
                .contains("  p95                            95  ms\n"),
            "{}",
            report.to_table()
        );
    }

    #[test]
    fn what_is_missing_or_doubted_is_a_complaint() {
        assert!(
            report(99, true)
                .complaint()
                .unwrap()
                .starts_with("1 of 100 deliveries are missing")
        );
        assert_eq!(
            report(100, false).complaint().unwrap(),
            "100 deliveries had wrong signatures"
        );
        assert_eq!(report(0, true).p99_ms, 0);
    }
}

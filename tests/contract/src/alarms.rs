//! Alarms watch metrics that exist, and what a person should look at has an alarm.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::template::Template;
use crate::workspace;

const NAMESPACE: &str = "Fanfare";

#[test]
fn each_alarm_of_ours_watches_a_metric_that_is_written() {
    let written = written();
    for (alarm, metric, dimensions) in watched(&Template::load()) {
        let entries = written
            .get(&metric)
            .unwrap_or_else(|| panic!("{alarm}: nobody writes {metric}"));
        let fits = entries.iter().any(|entry| entry.dimensions == dimensions);
        assert!(fits, "{alarm}: {metric} is not written by {dimensions:?}");
    }
}

#[test]
fn each_metric_of_an_error_has_an_alarm() {
    let watched: BTreeSet<_> = watched(&Template::load())
        .into_iter()
        .map(|(_, metric, _)| metric)
        .collect();
    for (metric, entries) in written() {
        let error = entries.iter().any(|entry| entry.level == "Error");
        assert!(!error || watched.contains(&metric), "{metric} has no alarm");
    }
}

/// What counts failures although its event is no error by itself.
#[test]
fn each_metric_that_counts_failures_has_an_alarm() {
    let watched = watched(&Template::load());
    for failures in ["dead", "unswept", "conservation_mismatches"] {
        let has = watched.iter().any(|(_, metric, _)| metric == failures);
        assert!(has, "{failures} has no alarm");
    }
}

/// The longest that SQS holds a message back.
const MAX_DELAY: u64 = 900;

#[test]
fn each_queue_has_an_alarm_for_what_waits_too_long() {
    let template = Template::load();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    for (queue, _) in template.resources("AWS::SQS::Queue") {
        let name = format!("{queue}.QueueName");
        let of_queue = |alarm: &&Value| {
            let mut dimensions = alarm["Dimensions"].as_array().into_iter().flatten();
            dimensions.any(|dimension| is_attribute(&dimension["Value"], &name))
        };
        let aged = alarms.iter().map(|(_, alarm)| *alarm).filter(|alarm| {
            alarm["Namespace"] == "AWS/SQS"
                && alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
        });
        let found: Vec<_> = aged.filter(of_queue).collect();
        let [alarm] = found[..] else {
            panic!("{queue} has {} alarms for its age", found.len());
        };
        let dead_letters = queue.contains("DeadLetter");
        let told = alarm["AlarmDescription"].as_str().unwrap();
        assert!(!dead_letters || told.contains(queue), "{queue}: {told}");
        assert!(told.contains("Look at"), "{queue}: it says what to do");
        // What was held back is as old when it becomes visible.
        let holds_back = ["RetryQueue", "SlowQueue", "ReplayQueue"].contains(&queue);
        let least = if holds_back { 2 * MAX_DELAY } else { 300 };
        assert!(alarm["Threshold"].as_u64() >= Some(least), "{queue}");
    }
}

/// Whether `value` is `Fn::GetAtt` of this, in either spelling.
fn is_attribute(value: &Value, attribute: &str) -> bool {
    let named = &value["Fn::GetAtt"];
    let parts = named.as_array().map(|parts| {
        let parts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
        parts.join(".")
    });
    named == attribute || parts.as_deref() == Some(attribute)
}

/// One name written with two meanings would be added up by CloudWatch.
#[test]
fn no_two_events_share_a_metric_and_its_dimensions() {
    for (metric, entries) in written() {
        let distinct: BTreeSet<_> = entries.iter().map(|entry| &entry.dimensions).collect();
        let events: Vec<_> = entries.iter().map(|entry| &entry.event).collect();
        assert_eq!(distinct.len(), entries.len(), "{metric} of {events:?}");
    }
}

#[test]
fn each_alarm_tells_the_topic_if_there_is_one() {
    for (id, alarm) in Template::load().resources("AWS::CloudWatch::Alarm") {
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[actions]["Fn::If"][0], "HasAlarmTopic", "{id}");
        }
        assert!(
            alarm["AlarmDescription"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{id}"
        );
    }
}

/// Alarm, metric and names of dimensions, for every metric of ours in an alarm.
fn watched(template: &Template) -> Vec<(String, String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for (id, alarm) in template.resources("AWS::CloudWatch::Alarm") {
        let parts = alarm["Metrics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|part| &part["MetricStat"]["Metric"]);
        for metric in parts
            .chain([alarm])
            .filter(|metric| metric["Namespace"] == NAMESPACE)
        {
            let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
            let names = dimensions
                .map(|dimension| text(&dimension["Name"]))
                .collect();
            found.push((id.to_owned(), text(&metric["MetricName"]), names));
        }
    }
    found
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

struct Written {
    event: String,
    level: String,
    dimensions: BTreeSet<String>,
}

/// Metrics by name, as declared in `shared/telemetry/src/event.rs`.
fn written() -> BTreeMap<String, Vec<Written>> {
    let source = workspace::read("shared/telemetry/src/event.rs");
    let (_, list) = source.split_once("\nevents! {").unwrap();
    let code: String = list
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let mut found: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for entry in code.split(';') {
        let mut words = entry.split_whitespace();
        let (Some(level), Some(event)) = (words.next(), words.next()) else {
            continue;
        };
        for metric in block(entry, "metrics {") {
            found.entry(metric).or_default().push(Written {
                event: event.to_owned(),
                level: level.to_owned(),
                dimensions: block(entry, "by {").into_iter().collect(),
            });
        }
    }
    assert!(!found.is_empty());
    found
}

/// The names in `head name: …, name }`.
fn block(entry: &str, head: &str) -> Vec<String> {
    let Some((_, rest)) = entry.split_once(head) else {
        return Vec::new();
    };
    let fields = rest.split('}').next().unwrap_or_default().split(',');
    let names = fields.filter_map(|field| field.split(':').next());
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

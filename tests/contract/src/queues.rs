//! Queues, their dead-letter queues, and the functions that read them.

use std::collections::{BTreeMap, BTreeSet};

use crate::template::{Template, referenced};

/// The most SQS offers: 14 days.
const LONGEST_RETENTION: u64 = 1_209_600;

/// The most SQS offers, and room for the largest event with its envelope.
const LARGEST_MESSAGE: u64 = 1_048_576;

#[test]
fn each_queue_is_encrypted_and_keeps_as_long_as_it_can() {
    for (id, queue) in Template::load().resources("AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
        assert_eq!(queue["MessageRetentionPeriod"], LONGEST_RETENTION, "{id}");
        assert_eq!(queue["MaximumMessageSize"], LARGEST_MESSAGE, "{id}");
    }
}

#[test]
fn each_queue_has_a_dead_letter_queue_of_its_own_and_quarantine_reads_it() {
    let template = Template::load();
    let queues = template.resources("AWS::SQS::Queue");
    let dead_letter: BTreeMap<_, _> = queues
        .iter()
        .filter_map(|(id, queue)| {
            Some((
                referenced(&queue["RedrivePolicy"]["deadLetterTargetArn"])?,
                *id,
            ))
        })
        .collect();
    for (id, queue) in &queues {
        let redriven = queue["RedrivePolicy"]["maxReceiveCount"].as_u64();
        assert!(
            dead_letter.contains_key(id) || redriven.is_some_and(|count| count >= 3),
            "{id} has no redrive"
        );
    }
    let quarantined = template
        .sources()
        .into_iter()
        .filter(|source| source.function() == "Quarantine");
    let quarantined: BTreeSet<_> = quarantined.map(|source| source.queue()).collect();
    assert_eq!(quarantined, dead_letter.keys().copied().collect());
}

#[test]
fn each_queue_is_read_by_one_function() {
    let template = Template::load();
    let read: Vec<_> = template
        .sources()
        .iter()
        .map(|source| source.queue().to_owned())
        .collect();
    let mut queues: Vec<_> = template
        .resources("AWS::SQS::Queue")
        .iter()
        .map(|(id, _)| (*id).to_owned())
        .collect();
    let mut sorted = read;
    sorted.sort();
    queues.sort();
    assert_eq!(sorted, queues);
}

/// Without it, one failed record takes its batch back with it, or is deleted.
#[test]
fn each_source_reports_failures_per_record() {
    for source in Template::load().sources() {
        let types = &source.properties["FunctionResponseTypes"];
        assert_eq!(types[0], "ReportBatchItemFailures", "{}", source.id);
    }
}

/// AWS asks for six times: a batch may be throttled for some time before its function runs.
#[test]
fn a_message_stays_invisible_for_six_timeouts() {
    let template = Template::load();
    for source in template.sources() {
        let visibility = template.properties(source.queue())["VisibilityTimeout"]
            .as_u64()
            .unwrap();
        let timeout = template.function(source.function()).timeout();
        assert!(
            visibility >= 6 * timeout,
            "{}: {visibility} s < 6 x {timeout} s",
            source.id
        );
    }
}

#[test]
fn a_message_is_not_held_back_to_fill_a_batch() {
    for source in Template::load().sources() {
        assert_eq!(
            source.properties["MaximumBatchingWindowInSeconds"], 0,
            "{}",
            source.id
        );
        assert!(
            source.properties["BatchSize"].as_u64().unwrap() <= 10,
            "{}",
            source.id
        );
    }
}

#[test]
fn the_table_outlives_its_stack_and_can_be_restored() {
    let template = Template::load();
    for policy in template.deletion_policies("Table") {
        assert_eq!(policy, "Retain");
    }
    let table = template.properties("Table");
    assert_eq!(
        table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], "expires");
}

//! What outlives a handle, a process and a crash, and who may look at it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_local::{Embedded, Location, OpenError, QueueAttributes, QueueCounts, Redrive, Service};

use crate::dynamodb::{table, text};
use crate::harness::{ManualClock, Target, variable};

fn open(path: &Path, clock: &ManualClock) -> (Embedded, Target) {
    let embedded =
        Embedded::open(Location::Directory(path.to_path_buf()), clock.function()).unwrap();
    let target = Target::new(&embedded.http_client(), "http://aws.local");
    (embedded, target)
}

/// One of everything: a visible, an in-flight and a delayed message, a secret, an item.
async fn fill(embedded: &Embedded, target: &Target) {
    let dead = QueueAttributes::default();
    embedded.sqs().create_queue("dead", dead).unwrap();
    let redrive = Some(Redrive {
        dead_letter_queue: "dead".to_owned(),
        max_receive_count: 1,
    });
    let attributes = QueueAttributes {
        redrive,
        visibility_timeout_seconds: 60,
        ..QueueAttributes::default()
    };
    let url = embedded.sqs().create_queue("kept", attributes).unwrap();
    for (body, delay) in [("first", 0), ("second", 0), ("third", 900)] {
        let send = target
            .sqs
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .delay_seconds(delay);
        send.message_group_id("group").send().await.unwrap();
    }
    assert_eq!(
        embedded.sqs().receive("kept", 1, Duration::ZERO).await[0].body,
        "first"
    );
    target
        .secrets
        .create_secret()
        .name("kept")
        .secret_string("value")
        .send()
        .await
        .unwrap();
    table(&target.dynamodb, "kept").await;
    let put = target
        .dynamodb
        .put_item()
        .table_name("kept")
        .item("pk", text("p"))
        .item("sk", text("a"));
    put.send().await.unwrap();
}

async fn check(embedded: &Embedded, target: &Target, clock: &ManualClock) {
    let sqs = embedded.sqs();
    assert_eq!(
        sqs.counts("kept"),
        QueueCounts {
            visible: 1,
            in_flight: 1,
            delayed: 1
        }
    );
    let received = sqs.receive("kept", 10, Duration::ZERO).await;
    assert_eq!(received.len(), 1);
    assert_eq!(
        (received[0].body.as_str(), received[0].group_id.as_deref()),
        ("second", Some("group"))
    );
    // The receive before the restart counts: the message is worn out when it comes back.
    clock.advance_ms(60_000);
    assert_eq!(
        sqs.counts("kept"),
        QueueCounts {
            visible: 0,
            in_flight: 0,
            delayed: 1
        }
    );
    let dead = sqs.receive("dead", 10, Duration::ZERO).await;
    assert_eq!(dead.len(), 2);
    assert_eq!((dead[0].body.as_str(), dead[0].receive_count), ("first", 2));
    assert!(
        dead[0]
            .dead_letter_source_arn
            .as_deref()
            .unwrap()
            .ends_with(":kept")
    );

    let secret = target
        .secrets
        .get_secret_value()
        .secret_id("kept")
        .send()
        .await
        .unwrap();
    assert_eq!(secret.secret_string(), Some("value"));
    assert_eq!(
        target
            .dynamodb
            .scan()
            .table_name("kept")
            .send()
            .await
            .unwrap()
            .count(),
        1
    );
}

#[tokio::test]
async fn everything_survives_closing_and_reopening() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let (embedded, target) = open(directory.path(), &clock);
    fill(&embedded, &target).await;
    drop((embedded, target));
    let (embedded, target) = open(directory.path(), &clock);
    check(&embedded, &target, &clock).await;
    drop((embedded, target));

    // What moved to the dead-letter queue is there after one more restart, held as it was.
    let (embedded, _target) = open(directory.path(), &clock);
    assert_eq!(
        embedded.sqs().counts("dead"),
        QueueCounts {
            visible: 0,
            in_flight: 2,
            delayed: 0
        }
    );
    embedded.sqs().release_in_flight();
    assert_eq!(
        embedded
            .sqs()
            .receive("dead", 10, Duration::ZERO)
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn everything_acknowledged_survives_a_crash() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let (embedded, target) = open(directory.path(), &clock);
    fill(&embedded, &target).await;
    // The files as a killed process leaves them: nothing closed, nothing checkpointed.
    let crashed = tempfile::tempdir().unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
    }
    let (after, after_target) = open(crashed.path(), &clock);
    check(&after, &after_target, &clock).await;
    drop((embedded, target));
}

/// Set for the copy of this test program that is to be killed: the directory it works in.
const VICTIM: &str = "AWS_LOCAL_VICTIM_DIRECTORY";
const VICTIM_TEST: &str = "lifetime::a_killed_process_loses_nothing_it_acknowledged";

/// Sends until it is killed, and prints each message that was acknowledged.
async fn send_until_killed(path: &Path) {
    let (embedded, target) = open(path, &ManualClock::new());
    let url = embedded
        .sqs()
        .create_queue("kept", QueueAttributes::default())
        .unwrap();
    table(&target.dynamodb, "kept").await;
    for number in 0.. {
        let body = number.to_string();
        target
            .sqs
            .send_message()
            .queue_url(&url)
            .message_body(&body)
            .send()
            .await
            .unwrap();
        let put = target
            .dynamodb
            .put_item()
            .table_name("kept")
            .item("pk", text("p"));
        put.item("sk", text(&body)).send().await.unwrap();
        println!("acknowledged {number}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    if let Some(path) = variable(VICTIM) {
        return send_until_killed(Path::new(&path)).await;
    }
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", VICTIM_TEST, "--nocapture"])
        .env(VICTIM, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let acknowledged = |line: String| {
        line.strip_prefix("acknowledged ")
            .and_then(|rest| rest.parse::<usize>().ok())
    };
    let last = lines
        .filter_map(acknowledged)
        .find(|number| *number >= 100)
        .unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();

    let (embedded, target) = open(directory.path(), &clock);
    assert!(embedded.sqs().counts("kept").visible > last);
    let items = target
        .dynamodb
        .scan()
        .table_name("kept")
        .send()
        .await
        .unwrap();
    assert!(usize::try_from(items.count()).unwrap() > last);
}

#[tokio::test]
async fn a_directory_is_private_and_has_one_owner() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let path = directory.path().join("data");
    let (embedded, target) = open(&path, &clock);
    fill(&embedded, &target).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let second = Embedded::open(Location::Directory(path.clone()), clock.function());
    let Err(error @ OpenError::Locked { .. }) = second else {
        panic!("{second:?}")
    };
    assert!(
        error
            .to_string()
            .contains("another process uses this data directory"),
        "{error}"
    );
    // A client keeps the services open, and with them the lock.
    drop(embedded);
    assert!(Embedded::open(Location::Directory(path.clone()), clock.function()).is_err());
    drop(target);
    Embedded::open(Location::Directory(path), clock.function()).unwrap();
}

#[tokio::test]
async fn calls_and_capacity_are_counted_as_aws_bills_them() {
    let embedded = Embedded::open(Location::Memory, ManualClock::new().function()).unwrap();
    let target = Target::new(&embedded.http_client(), "http://aws.local");
    table(&target.dynamodb, "counted").await;
    let url = embedded
        .sqs()
        .create_queue("counted", QueueAttributes::default())
        .unwrap();
    embedded.reset_calls();

    let put = |sk: &str| {
        target
            .dynamodb
            .put_item()
            .table_name("counted")
            .item("pk", text("p"))
            .item("sk", text(sk))
    };
    put("a")
        .item("body", text(&"x".repeat(1_500)))
        .send()
        .await
        .unwrap();
    assert_eq!(embedded.calls().dynamodb_write_units, 2.0);
    put("b").item("due", text("1")).send().await.unwrap();
    assert_eq!(
        embedded.calls().dynamodb_write_units,
        4.0,
        "the index is written too"
    );
    put("b")
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        embedded.calls().dynamodb_write_units,
        5.0,
        "a refused write costs a write"
    );
    target
        .dynamodb
        .get_item()
        .table_name("counted")
        .key("pk", text("p"))
        .key("sk", text("b"))
        .send()
        .await
        .unwrap();
    assert_eq!(embedded.calls().dynamodb_read_units, 0.5);

    for body in ["x", "y"] {
        target
            .sqs
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }
    let received = embedded.sqs().receive("counted", 10, Duration::ZERO).await;
    let receipts: Vec<_> = received
        .iter()
        .map(|message| &message.receipt_handle)
        .collect();
    embedded
        .sqs()
        .delete_batch("counted", &receipts)
        .await
        .unwrap();
    let calls = embedded.calls();
    assert_eq!(calls.count(Service::DynamoDb, "PutItem"), 3);
    assert_eq!(calls.count(Service::Sqs, "SendMessage"), 2);
    assert_eq!(calls.count(Service::Sqs, "ReceiveMessage"), 1);
    assert_eq!(calls.count(Service::Sqs, "DeleteMessageBatch"), 1);
    assert_eq!(calls.total(Service::SecretsManager), 0);
}

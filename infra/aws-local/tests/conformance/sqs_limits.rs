//! What SQS refuses: messages, receives, queues and batches outside AWS's limits.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use crate::harness::{Target, cases, check_refusals, refusal};
use crate::sqs::{queue, receive, text};

cases![
    messages_outside_the_limits_are_refused,
    receives_outside_the_limits_are_refused,
    queues_outside_the_limits_are_refused,
    a_batch_is_judged_as_a_whole,
    one_bad_entry_does_not_harm_its_neighbours,
];

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .unwrap()
}

async fn messages_outside_the_limits_are_refused(target: Target) {
    let url = queue(&target, "message-limits", &[]).await;
    let send = || target.sqs.send_message().queue_url(&url).message_body("x");
    let invalid = "InvalidParameterValue";
    let refusals = vec![
        refusal!("a delay of 901 s", invalid, send().delay_seconds(901)),
        refusal!("a negative delay", invalid, send().delay_seconds(-1)),
        refusal!(
            "a body of 1 MiB and one byte",
            invalid,
            send().message_body("x".repeat(1_048_577))
        ),
        refusal!(
            "a control character",
            "InvalidMessageContents",
            send().message_body("\u{b}")
        ),
        refusal!("an empty body", "MissingParameter", send().message_body("")),
        refusal!(
            "an attribute named like AWS's",
            invalid,
            send().message_attributes("AWS.x", text("y"))
        ),
        refusal!(
            "an empty attribute value",
            invalid,
            send().message_attributes("x", text(""))
        ),
        refusal!(
            "a deduplication id on a standard queue",
            invalid,
            send().message_deduplication_id("x")
        ),
    ];
    check_refusals(&target, refusals).await;
}

async fn receives_outside_the_limits_are_refused(target: Target) {
    let url = queue(&target, "receive-limits", &[]).await;
    let receive = || target.sqs.receive_message().queue_url(&url);
    let invalid = "InvalidParameterValue";
    let visibility = target.sqs.change_message_visibility().queue_url(&url);
    let received_by_nobody = visibility.receipt_handle("no handle").visibility_timeout(1);
    let no_queue = target.sqs.get_queue_url().queue_name("no-such-queue");
    let refusals = vec![
        refusal!(
            "eleven messages",
            invalid,
            receive().max_number_of_messages(11)
        ),
        refusal!("no message", invalid, receive().max_number_of_messages(0)),
        refusal!("a poll of 21 s", invalid, receive().wait_time_seconds(21)),
        refusal!(
            "an invisibility of 43,201 s",
            invalid,
            receive().visibility_timeout(43_201)
        ),
        refusal!(
            "a handle that is none",
            "ReceiptHandleIsInvalid",
            received_by_nobody
        ),
        refusal!(
            "a queue that does not exist",
            "AWS.SimpleQueueService.NonExistentQueue",
            no_queue
        ),
    ];
    check_refusals(&target, refusals).await;
}

async fn queues_outside_the_limits_are_refused(target: Target) {
    let url = queue(&target, "queue-limits", &[]).await;
    let create = |name: &str| target.sqs.create_queue().queue_name(name);
    let attribute = |name: QueueAttributeName, value: &str| {
        target
            .sqs
            .set_queue_attributes()
            .queue_url(&url)
            .attributes(name, value)
    };
    let invalid = "InvalidParameterValue";
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:nowhere","maxReceiveCount":"3"}"#;
    let refusals = vec![
        refusal!("a queue name with a space", invalid, create("a name")),
        refusal!(
            "a queue name of 81 characters",
            invalid,
            create(&"n".repeat(81))
        ),
        refusal!(
            "a setting out of range",
            "InvalidAttributeValue",
            attribute(QueueAttributeName::VisibilityTimeout, "43201")
        ),
        refusal!(
            "an unknown setting",
            "InvalidAttributeName",
            attribute(QueueAttributeName::from("Colour"), "red")
        ),
        refusal!(
            "a missing dead-letter queue",
            invalid,
            attribute(QueueAttributeName::RedrivePolicy, redrive)
        ),
    ];
    check_refusals(&target, refusals).await;
}

async fn a_batch_is_judged_as_a_whole(target: Target) {
    let url = queue(&target, "batches", &[]).await;
    let send = |entries: Vec<SendMessageBatchRequestEntry>| {
        target
            .sqs
            .send_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries))
    };
    let eleven = (0..11).map(|id| entry(&id.to_string(), "x")).collect();
    let half = "x".repeat(600_000);
    let refusals = vec![
        refusal!(
            "an empty batch",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            send(vec![])
        ),
        refusal!(
            "eleven entries",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            send(eleven)
        ),
        refusal!(
            "the same entry id twice",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            send(vec![entry("a", "x"), entry("a", "y")])
        ),
        refusal!(
            "an entry id with a space",
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            send(vec![entry("a b", "x")])
        ),
        refusal!(
            "a batch over 1 MiB",
            "AWS.SimpleQueueService.BatchRequestTooLong",
            send(vec![entry("a", &half), entry("b", &half)])
        ),
    ];
    check_refusals(&target, refusals).await;
}

async fn one_bad_entry_does_not_harm_its_neighbours(target: Target) {
    let url = queue(&target, "entries", &[]).await;
    let send = target.sqs.send_message_batch().queue_url(&url);
    let mut late = entry("late", "x");
    late.delay_seconds = Some(901);
    let answer = send
        .entries(entry("good", "x"))
        .entries(late)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer
            .successful()
            .iter()
            .map(|sent| sent.id())
            .collect::<Vec<_>>(),
        ["good"]
    );
    let [failed] = answer.failed() else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (failed.id(), failed.code(), failed.sender_fault()),
        ("late", "InvalidParameterValue", true)
    );

    let received = receive(&target, &url, 10).await;
    let handle = received[0].receipt_handle().unwrap();
    let change = ChangeMessageVisibilityBatchRequestEntry::builder()
        .id("a")
        .receipt_handle(handle)
        .visibility_timeout(60);
    let changed = target
        .sqs
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(change.build().unwrap());
    assert_eq!(changed.send().await.unwrap().successful().len(), 1);
    let delete = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(handle)
            .build()
    };
    let deleted = target.sqs.delete_message_batch().queue_url(&url);
    let deleted = deleted
        .entries(delete("a", handle).unwrap())
        .entries(delete("b", "no handle").unwrap());
    let deleted = deleted.send().await.unwrap();
    assert_eq!(deleted.successful().len(), 1);
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
}

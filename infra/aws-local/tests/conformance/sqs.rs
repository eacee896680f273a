//! SQS as any client sees it, without moving a clock.

use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use crate::harness::{Target, cases, check_refusals, refusal};

cases![
    a_message_comes_back_as_it_was_sent,
    requests_outside_the_limits_are_refused,
    a_batch_is_judged_as_a_whole_and_entry_by_entry,
    visibility_ends_when_the_receiver_says_so,
    a_stale_receipt_deletes_nothing,
    a_message_received_too_often_moves_to_the_dead_letter_queue,
    a_quiet_group_does_not_wait_behind_a_backlog,
    a_long_poll_wakes_when_a_message_is_sent,
    queues_are_created_once_and_changed_by_name,
    a_purge_empties_the_queue,
];

pub(crate) async fn queue(
    target: &Target,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> String {
    let mut create = target.sqs.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        create = create.attributes(attribute.clone(), *value);
    }
    create.send().await.unwrap().queue_url.unwrap()
}

pub(crate) async fn send(target: &Target, url: &str, body: &str) {
    target
        .sqs
        .send_message()
        .queue_url(url)
        .message_body(body)
        .send()
        .await
        .unwrap();
}

pub(crate) async fn receive(target: &Target, url: &str, most: i32) -> Vec<Message> {
    let receive = target
        .sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(most);
    let receive = receive
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All");
    receive.send().await.unwrap().messages.unwrap_or_default()
}

pub(crate) fn system<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> &'a str {
    message
        .attributes
        .as_ref()
        .and_then(|all| all.get(name))
        .map(String::as_str)
        .unwrap_or_default()
}

pub(crate) async fn change_visibility(target: &Target, url: &str, message: &Message, seconds: i32) {
    let change = target
        .sqs
        .change_message_visibility()
        .queue_url(url)
        .visibility_timeout(seconds);
    change
        .set_receipt_handle(message.receipt_handle.clone())
        .send()
        .await
        .unwrap();
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .unwrap()
}

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

async fn a_message_comes_back_as_it_was_sent(target: Target) {
    let url = queue(&target, "round-trip", &[]).await;
    let bytes = MessageAttributeValue::builder()
        .data_type("Binary.png")
        .binary_value(Blob::new([0, 255, 7]))
        .build();
    let sent = target
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_group_id("network-7");
    let sent = sent
        .message_attributes("kind", text("letter"))
        .message_attributes("bytes", bytes.unwrap());
    let sent = sent.send().await.unwrap();

    // Computed with Python's hashlib from the documented length-prefixed form.
    let attributes_md5 = "f72fb763771e70287e27f3cad1cea95b";
    assert_eq!(
        sent.md5_of_message_body(),
        Some("5d41402abc4b2a76b9719d911017c592")
    );
    assert_eq!(sent.md5_of_message_attributes(), Some(attributes_md5));
    let messages = receive(&target, &url, 10).await;
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(message.message_id, sent.message_id);
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), Some(attributes_md5));
    let attributes = message.message_attributes.as_ref().unwrap();
    assert_eq!(attributes["kind"].string_value(), Some("letter"));
    assert_eq!(
        attributes["bytes"].binary_value().unwrap().as_ref(),
        [0, 255, 7]
    );
    assert_eq!(
        system(
            message,
            &MessageSystemAttributeName::ApproximateReceiveCount
        ),
        "1"
    );
    if target.judges("MessageGroupId on a standard queue") {
        assert_eq!(
            system(message, &MessageSystemAttributeName::MessageGroupId),
            "network-7"
        );
    }
    for time in [
        MessageSystemAttributeName::SentTimestamp,
        MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
    ] {
        assert_eq!(
            system(message, &time).len(),
            "1800000000000".len(),
            "{time}"
        );
    }
}

async fn requests_outside_the_limits_are_refused(target: Target) {
    let url = queue(&target, "limits", &[]).await;
    let sqs = &target.sqs;
    let send = || sqs.send_message().queue_url(&url).message_body("x");
    let receive = || sqs.receive_message().queue_url(&url);
    let create = |name: &str| sqs.create_queue().queue_name(name);
    let attribute = |name: QueueAttributeName, value: &str| {
        sqs.set_queue_attributes()
            .queue_url(&url)
            .attributes(name, value)
    };
    let invalid = "InvalidParameterValue";
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:nowhere","maxReceiveCount":"3"}"#;
    let visibility = sqs.change_message_visibility().queue_url(&url);
    let received_by_nobody = visibility.receipt_handle("no handle").visibility_timeout(1);
    let no_queue = sqs.get_queue_url().queue_name("no-such-queue");
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

async fn a_batch_is_judged_as_a_whole_and_entry_by_entry(target: Target) {
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

    if !target.judges("one bad entry does not harm its neighbours") {
        return;
    }
    let mut late = entry("late", "x");
    late.delay_seconds = Some(901);
    let answer = send(vec![entry("good", "x"), late]).send().await.unwrap();
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

async fn visibility_ends_when_the_receiver_says_so(target: Target) {
    let url = queue(&target, "visibility", &[]).await;
    send(&target, &url, "x").await;
    let first = receive(&target, &url, 1).await;
    assert!(receive(&target, &url, 1).await.is_empty());
    change_visibility(&target, &url, &first[0], 0).await;
    let second = receive(&target, &url, 1).await;
    assert_eq!(
        system(
            &second[0],
            &MessageSystemAttributeName::ApproximateReceiveCount
        ),
        "2"
    );
    assert_eq!(
        system(
            &second[0],
            &MessageSystemAttributeName::ApproximateFirstReceiveTimestamp
        ),
        system(
            &first[0],
            &MessageSystemAttributeName::ApproximateFirstReceiveTimestamp
        ),
    );
}

async fn a_stale_receipt_deletes_nothing(target: Target) {
    let url = queue(&target, "stale", &[]).await;
    send(&target, &url, "x").await;
    let stale = receive(&target, &url, 1).await;
    change_visibility(&target, &url, &stale[0], 0).await;
    let fresh = receive(&target, &url, 1).await;
    let delete = |message: &Message| {
        target
            .sqs
            .delete_message()
            .queue_url(&url)
            .set_receipt_handle(message.receipt_handle.clone())
            .send()
    };
    delete(&stale[0]).await.unwrap();
    change_visibility(&target, &url, &fresh[0], 0).await;
    let again = receive(&target, &url, 1).await;
    assert_eq!(again.len(), 1);
    delete(&again[0]).await.unwrap();
    // Deleting what is gone succeeds, as a retry of the request must.
    delete(&again[0]).await.unwrap();
    assert!(receive(&target, &url, 1).await.is_empty());
}

async fn a_message_received_too_often_moves_to_the_dead_letter_queue(target: Target) {
    let dead = queue(&target, "dead", &[]).await;
    let policy =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
    let url = queue(
        &target,
        "redrive",
        &[(QueueAttributeName::RedrivePolicy, policy)],
    )
    .await;
    send(&target, &url, "poison").await;
    for _ in 0..2 {
        let received = receive(&target, &url, 1).await;
        change_visibility(&target, &url, &received[0], 0).await;
    }
    assert!(receive(&target, &url, 1).await.is_empty());
    let messages = receive(&target, &dead, 1).await;
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(message.body(), Some("poison"));
    let source = system(
        message,
        &MessageSystemAttributeName::DeadLetterQueueSourceArn,
    );
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:redrive");
    let sources = target
        .sqs
        .list_dead_letter_source_queues()
        .queue_url(&dead)
        .send()
        .await
        .unwrap();
    assert_eq!(sources.queue_urls().len(), 1);
}

async fn a_quiet_group_does_not_wait_behind_a_backlog(target: Target) {
    let url = queue(&target, "fair", &[]).await;
    for batch in 0..20 {
        let entries = (0..10).map(|id| {
            let loud = SendMessageBatchRequestEntry::builder()
                .id(id.to_string())
                .message_body(format!("{batch}"));
            loud.message_group_id("loud").build().unwrap()
        });
        target
            .sqs
            .send_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .unwrap();
    }
    let quiet = target
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("quiet")
        .message_group_id("quiet");
    quiet.send().await.unwrap();
    let first = receive(&target, &url, 10).await;
    assert!(
        first.iter().any(|message| message.body() == Some("quiet")),
        "{first:?}"
    );
}

async fn a_long_poll_wakes_when_a_message_is_sent(target: Target) {
    let url = queue(&target, "long-poll", &[]).await;
    let poll = target
        .sqs
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(20)
        .send();
    let woken = async { tokio::join!(poll, send(&target, &url, "wake")).0 };
    // Far less than the poll's 20 s, far more than a busy computer needs.
    let received = tokio::time::timeout(Duration::from_secs(10), woken)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received.messages()[0].body(), Some("wake"));
}

async fn queues_are_created_once_and_changed_by_name(target: Target) {
    let timeout = QueueAttributeName::VisibilityTimeout;
    let url = queue(&target, "named-one", &[(timeout.clone(), "60")]).await;
    assert_eq!(
        queue(&target, "named-one", &[(timeout.clone(), "60")]).await,
        url
    );
    let different = target
        .sqs
        .create_queue()
        .queue_name("named-one")
        .attributes(timeout.clone(), "61");
    let fifo = target
        .sqs
        .create_queue()
        .queue_name("named.fifo")
        .attributes(QueueAttributeName::FifoQueue, "true");
    let refusals = vec![
        refusal!(
            "a queue again with another setting",
            "QueueAlreadyExists",
            different
        ),
        refusal!(
            "a FIFO queue",
            "AWS.SimpleQueueService.UnsupportedOperation",
            fifo
        ),
    ];
    check_refusals(&target, refusals).await;

    target
        .sqs
        .set_queue_attributes()
        .queue_url(&url)
        .attributes(timeout.clone(), "90")
        .send()
        .await
        .unwrap();
    send(&target, &url, "visible").await;
    send(&target, &url, "in flight").await;
    target
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("delayed")
        .delay_seconds(900)
        .send()
        .await
        .unwrap();
    receive(&target, &url, 1).await;
    let all = target
        .sqs
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::All);
    let all = all.send().await.unwrap().attributes.unwrap();
    assert_eq!(all[&timeout], "90");
    assert_eq!(
        all[&QueueAttributeName::QueueArn],
        "arn:aws:sqs:us-east-1:000000000000:named-one"
    );
    assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(
        all[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible],
        "1"
    );
    assert_eq!(
        all[&QueueAttributeName::ApproximateNumberOfMessagesDelayed],
        "1"
    );

    queue(&target, "named-two", &[]).await;
    let page = target
        .sqs
        .list_queues()
        .queue_name_prefix("named-")
        .max_results(1)
        .send()
        .await
        .unwrap();
    let rest = target
        .sqs
        .list_queues()
        .queue_name_prefix("named-")
        .max_results(1)
        .set_next_token(page.next_token);
    assert_eq!(
        rest.send().await.unwrap().queue_urls()[0],
        url.replace("named-one", "named-two")
    );
    target
        .sqs
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    let gone = target.sqs.get_queue_url().queue_name("named-one");
    let code = "AWS.SimpleQueueService.NonExistentQueue";
    check_refusals(&target, vec![refusal!("a deleted queue", code, gone)]).await;
}

async fn a_purge_empties_the_queue(target: Target) {
    let url = queue(&target, "purged", &[]).await;
    send(&target, &url, "x").await;
    send(&target, &url, "y").await;
    receive(&target, &url, 1).await;
    let purge = || target.sqs.purge_queue().queue_url(&url);
    purge().send().await.unwrap();
    assert!(receive(&target, &url, 10).await.is_empty());
    let code = "AWS.SimpleQueueService.PurgeQueueInProgress";
    check_refusals(
        &target,
        vec![refusal!("a second purge within a minute", code, purge())],
    )
    .await;
}

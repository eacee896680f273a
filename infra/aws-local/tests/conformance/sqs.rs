//! SQS as any client sees it, without moving a clock.

use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use crate::harness::{Target, cases};

cases![
    a_message_comes_back_as_it_was_sent,
    visibility_ends_when_the_receiver_says_so,
    a_stale_receipt_deletes_nothing,
    a_message_received_too_often_moves_to_the_dead_letter_queue,
    a_quiet_group_does_not_wait_behind_a_backlog,
    a_long_poll_wakes_when_a_message_is_sent,
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

async fn arn(target: &Target, url: &str) -> String {
    let get = target.sqs.get_queue_attributes().queue_url(url);
    let got = get
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .unwrap();
    got.attributes.unwrap()[&QueueAttributeName::QueueArn].clone()
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

pub(crate) fn text(value: &str) -> MessageAttributeValue {
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
    let policy = format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":2}}"#,
        arn(&target, &dead).await
    );
    let url = queue(
        &target,
        "redrive",
        &[(QueueAttributeName::RedrivePolicy, &policy)],
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
    if target.judges("the source of a dead letter") {
        let source = system(
            message,
            &MessageSystemAttributeName::DeadLetterQueueSourceArn,
        );
        assert_eq!(source, arn(&target, &url).await);
    }
    if target.judges("the list of dead-letter sources") {
        let sources = target
            .sqs
            .list_dead_letter_source_queues()
            .queue_url(&dead)
            .send()
            .await
            .unwrap();
        assert_eq!(sources.queue_urls().len(), 1);
    }
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

//! What happens when time passes: the tests move the clock, nobody sleeps.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TimeToLiveSpecification};
use aws_sdk_sqs::types::QueueAttributeName;

use crate::harness::{Target, cases};
use crate::sqs::{change_visibility, queue, receive, send};
use crate::{dynamodb, harness};

cases![
    a_delayed_message_wakes_a_long_poll_when_it_is_due,
    a_message_comes_back_when_its_visibility_times_out,
    visibility_has_a_total_limit_of_twelve_hours,
    a_message_is_dropped_after_its_retention,
    a_deleted_secret_is_gone_after_its_window,
    expired_items_are_swept_by_the_clock,
    the_queues_are_idle_when_everything_is_deleted,
];

/// Far more than a busy computer needs, far less than the 20 s of a poll.
const SOON: Duration = Duration::from_secs(10);

async fn a_delayed_message_wakes_a_long_poll_when_it_is_due(target: Target) {
    let url = queue(&target, "delayed", &[]).await;
    target
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("later")
        .delay_seconds(900)
        .send()
        .await
        .unwrap();
    target.advance_ms(899_999);
    assert!(receive(&target, &url, 1).await.is_empty());
    let poll = target
        .sqs
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(20)
        .send();
    let woken = async { tokio::join!(poll, async { target.advance_ms(1) }).0 };
    let received = tokio::time::timeout(SOON, woken).await.unwrap().unwrap();
    assert_eq!(received.messages()[0].body(), Some("later"));
}

async fn a_message_comes_back_when_its_visibility_times_out(target: Target) {
    let url = queue(
        &target,
        "timeout",
        &[(QueueAttributeName::VisibilityTimeout, "30")],
    )
    .await;
    send(&target, &url, "x").await;
    assert_eq!(receive(&target, &url, 1).await.len(), 1);
    target.advance_ms(29_999);
    assert!(receive(&target, &url, 1).await.is_empty());
    target.advance_ms(1);
    let again = receive(&target, &url, 1).await;
    assert_eq!(again.len(), 1);
    change_visibility(&target, &url, &again[0], 60).await;
    target.advance_ms(59_999);
    assert!(receive(&target, &url, 1).await.is_empty());
    target.advance_ms(1);
    let expired = target
        .sqs
        .change_message_visibility()
        .queue_url(&url)
        .visibility_timeout(1);
    let expired = expired
        .set_receipt_handle(again[0].receipt_handle.clone())
        .send()
        .await;
    assert_eq!(
        harness::code(expired),
        "AWS.SimpleQueueService.MessageNotInflight"
    );
    assert_eq!(receive(&target, &url, 1).await.len(), 1);
}

async fn visibility_has_a_total_limit_of_twelve_hours(target: Target) {
    let url = queue(
        &target,
        "twelve-hours",
        &[(QueueAttributeName::VisibilityTimeout, "43200")],
    )
    .await;
    send(&target, &url, "x").await;
    let received = receive(&target, &url, 1).await;
    target.advance_ms(1_000);
    let longer = target
        .sqs
        .change_message_visibility()
        .queue_url(&url)
        .visibility_timeout(43_200);
    let longer = longer
        .set_receipt_handle(received[0].receipt_handle.clone())
        .send()
        .await;
    assert_eq!(harness::code(longer), "InvalidParameterValue");
}

async fn a_message_is_dropped_after_its_retention(target: Target) {
    let url = queue(
        &target,
        "retention",
        &[(QueueAttributeName::MessageRetentionPeriod, "60")],
    )
    .await;
    send(&target, &url, "old").await;
    target.advance_ms(60_000);
    send(&target, &url, "new").await;
    let received = receive(&target, &url, 10).await;
    assert_eq!(
        received
            .iter()
            .map(|message| message.body().unwrap())
            .collect::<Vec<_>>(),
        ["new"]
    );
}

async fn a_deleted_secret_is_gone_after_its_window(target: Target) {
    let create = || {
        target
            .secrets
            .create_secret()
            .name("clocked/deleted")
            .secret_string("x")
            .send()
    };
    create().await.unwrap();
    let delete = target
        .secrets
        .delete_secret()
        .secret_id("clocked/deleted")
        .recovery_window_in_days(7);
    delete.send().await.unwrap();
    target.advance_ms(7 * 86_400_000);
    let restored = target
        .secrets
        .restore_secret()
        .secret_id("clocked/deleted")
        .send()
        .await;
    assert_eq!(harness::code(restored), "ResourceNotFoundException");
    create().await.unwrap();
}

async fn expired_items_are_swept_by_the_clock(target: Target) {
    dynamodb::table(&target.dynamodb, "expiring").await;
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name("expires")
        .enabled(true)
        .build()
        .unwrap();
    let update = target
        .dynamodb
        .update_time_to_live()
        .table_name("expiring")
        .time_to_live_specification(ttl);
    update.send().await.unwrap();
    let now = target.now_ms() / 1_000;
    for (sk, expires) in [
        ("gone", now + 60),
        ("stays", now + 61),
        ("other", now * 1_000),
    ] {
        let put = target
            .dynamodb
            .put_item()
            .table_name("expiring")
            .item("pk", dynamodb::text("p"));
        let put = put
            .item("sk", dynamodb::text(sk))
            .item("expires", AttributeValue::N(expires.to_string()));
        put.send().await.unwrap();
    }
    assert_eq!(target.service().sweep_ttl().await.unwrap(), 0);
    target.advance_ms(60_000);
    assert_eq!(target.service().sweep_ttl().await.unwrap(), 1);
    assert_eq!(
        target
            .dynamodb
            .scan()
            .table_name("expiring")
            .send()
            .await
            .unwrap()
            .count(),
        2
    );
}

async fn the_queues_are_idle_when_everything_is_deleted(target: Target) {
    for url in target.sqs.list_queues().send().await.unwrap().queue_urls() {
        target
            .sqs
            .delete_queue()
            .queue_url(url)
            .send()
            .await
            .unwrap();
    }
    let url = queue(&target, "idle", &[]).await;
    send(&target, &url, "x").await;
    let sqs = target.service().sqs().clone();
    let work = async {
        let received = sqs.receive("idle", 10, Duration::ZERO).await;
        sqs.delete_batch("idle", &[&received[0].receipt_handle])
            .await
            .unwrap();
    };
    tokio::time::timeout(SOON, async { tokio::join!(sqs.idle(), work) })
        .await
        .unwrap();
}

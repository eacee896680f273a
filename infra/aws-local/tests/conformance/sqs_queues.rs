//! Queues themselves: creating, changing, listing, counting, emptying.

use aws_sdk_sqs::types::QueueAttributeName;

use crate::harness::{Target, cases, check_refusals, refusal};
use crate::sqs::{queue, receive, send};

cases![
    a_queue_is_created_once,
    a_queue_shows_its_settings_and_counts,
    queues_are_listed_in_pages_and_deleted,
    a_purge_empties_the_queue,
];

async fn a_queue_is_created_once(target: Target) {
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
}

async fn a_queue_shows_its_settings_and_counts(target: Target) {
    let timeout = QueueAttributeName::VisibilityTimeout;
    let url = queue(&target, "counted", &[]).await;
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
    assert!(all[&QueueAttributeName::QueueArn].ends_with(":counted"));
    assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(
        all[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible],
        "1"
    );
    assert_eq!(
        all[&QueueAttributeName::ApproximateNumberOfMessagesDelayed],
        "1"
    );
}

async fn queues_are_listed_in_pages_and_deleted(target: Target) {
    let url = queue(&target, "page-one", &[]).await;
    queue(&target, "page-two", &[]).await;
    let page = target
        .sqs
        .list_queues()
        .queue_name_prefix("page-")
        .max_results(1)
        .send()
        .await
        .unwrap();
    let rest = target
        .sqs
        .list_queues()
        .queue_name_prefix("page-")
        .max_results(1)
        .set_next_token(page.next_token);
    assert_eq!(
        rest.send().await.unwrap().queue_urls()[0],
        url.replace("page-one", "page-two")
    );
    target
        .sqs
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    let gone = target.sqs.get_queue_url().queue_name("page-one");
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

//! Deliveries whose messages became dead letters.

use serde_json::json;

use crate::sandbox::Sandbox;
use crate::world::World;

/// As when every receive of a message ended in a crash: it reaches the dead-letter queue, quarantine
/// sets its delivery due, and the sweep sends it again.
pub(crate) async fn lose_the_delivery_and_find_it_again(world: &World) {
    let lost = world.batch("WebhookQueue").await;
    world
        .send(
            "WebhookDeadLetterQueue",
            lost["Records"][0]["body"].as_str().unwrap(),
        )
        .await;
    let quarantine = world.start("Quarantine").await;
    set_right(world, &quarantine).await;

    let sweep = world.start("RetrySweep").await;
    let minute = serde_json::from_str(include_str!("../../../fixtures/scheduled.json")).unwrap();
    world
        .within_permissions("RetrySweep", sweep.call(&minute))
        .await;
    sweep.says(r#""enqueued":1"#).await;
}

/// One whose messages become dead letters again and again: it is given up, which is news.
pub(crate) async fn give_the_delivery_up(world: &World) {
    let lost = world.batch("WebhookQueue").await;
    let letter = lost["Records"][0]["body"].as_str().unwrap();
    let quarantine = world.start("Quarantine").await;
    // Twenty rescues, and one that is one too many.
    for _ in 0..3 {
        for _ in 0..7 {
            world.send("WebhookDeadLetterQueue", letter).await;
        }
        set_right(world, &quarantine).await;
    }
    quarantine.says(r#""event":"DeliveryDied""#).await;
    let news = world.batch("EventsQueue").await;
    let news = news["Records"][0]["body"].as_str().unwrap();
    assert!(news.contains("attempt.exhausted"), "{news}");
}

/// Hands the dead letters of the webhook queue to quarantine.
async fn set_right(world: &World, quarantine: &Sandbox) {
    let batch = world.batch("WebhookDeadLetterQueue").await;
    let answer = world
        .within_permissions("Quarantine", quarantine.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        quarantine.log()
    );
}

//! From due index to webhook queue.

use std::time::Duration;

use domain::delivery::RESCUE_AFTER;
use domain::time::Timestamp;
use futures::future::{join_all, try_join_all};
use queue::message::DeliveryMessage;
use queue::{MAX_DELAY, Outgoing};
use store::{DUE_SHARDS, Due};

use crate::Deps;

/// Sweeps run each minute; looking this far ahead, none is late for its attempt.
const LOOK_AHEAD: Duration = Duration::from_secs(90);

/// Deliveries read per page.
const PAGE: u16 = 100;

/// Longest work of one sweep, well inside the function's timeout; the rest waits a minute.
const BUDGET: Duration = Duration::from_secs(40);

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Swept {
    pub(crate) enqueued: u32,
    /// Changed by someone else meanwhile: their attempt was made.
    pub(crate) gone: u32,
}

pub(crate) async fn sweep(deps: &Deps, now: Timestamp) -> Result<Swept, store::Error> {
    let shards = try_join_all((0..DUE_SHARDS).map(|shard| sweep_shard(deps, shard, now))).await?;
    Ok(shards.into_iter().fold(Swept::default(), |sum, one| Swept {
        enqueued: sum.enqueued + one.enqueued,
        gone: sum.gone + one.gone,
    }))
}

async fn sweep_shard(deps: &Deps, shard: u8, began: Timestamp) -> Result<Swept, store::Error> {
    let mut swept = Swept::default();
    loop {
        let now = deps.platform.clock.now();
        let page = deps.store.due(shard, began.after(LOOK_AHEAD), PAGE).await?;
        if page.is_empty() || now.since(began) > BUDGET {
            return Ok(swept);
        }
        let messages: Vec<_> = page.iter().map(|due| message(due, now)).collect();
        let sent = deps.webhooks.send(&messages).await;
        let taken: Vec<_> = page
            .iter()
            .zip(sent)
            .filter(|(_, sent)| sent.is_ok())
            .map(|(due, _)| due)
            .collect();
        if taken.is_empty() {
            // The queue takes nothing; the same page would come again at once.
            return Ok(swept);
        }
        let moved = taken
            .iter()
            .map(|due| deps.store.put_off(due, rescue_at(due, now)));
        for moved in join_all(moved).await {
            if moved? {
                swept.enqueued += 1;
            } else {
                swept.gone += 1;
            }
        }
    }
}

/// When to look again, should the message just sent be lost.
fn rescue_at(due: &Due, now: Timestamp) -> Timestamp {
    due.next.max(now).after(RESCUE_AFTER)
}

fn message(due: &Due, now: Timestamp) -> Outgoing {
    let message = DeliveryMessage {
        network: due.network.clone(),
        delivery: due.id,
        event: due.event.clone(),
        attempt: due.attempts.saturating_add(1),
        endpoint_version: 0,
        // Another message for the same attempt may still be on its way.
        repeated: true,
        body: None,
    };
    let delay = due.next.since(now).min(MAX_DELAY);
    Outgoing {
        body: message.write(),
        group: due.id.endpoint().to_string(),
        delay,
    }
}

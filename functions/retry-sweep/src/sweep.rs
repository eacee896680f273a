//! From due index to webhook queue.

use std::time::Duration;

use domain::delivery::RESCUE_AFTER;
use domain::time::Timestamp;
use futures::future::join_all;
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

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) enqueued: u32,
    /// Changed by someone else meanwhile: their attempt was made.
    pub(crate) gone: u32,
    /// Not acted on, because a record could not be read, sent or put off; the next sweep tries
    /// again.
    pub(crate) failed: u32,
}

/// Sweeps all shards. One that fails does not stop the others.
pub(crate) async fn sweep(deps: &Deps, now: Timestamp) -> (Swept, Result<(), store::Error>) {
    let shards = join_all((0..DUE_SHARDS).map(|shard| sweep_shard(deps, shard, now))).await;
    let mut total = Swept::default();
    let mut result = Ok(());
    for (swept, shard) in shards {
        total.enqueued += swept.enqueued;
        total.gone += swept.gone;
        total.failed += swept.failed;
        result = result.and(shard);
    }
    (total, result)
}

async fn sweep_shard(
    deps: &Deps,
    shard: u8,
    began: Timestamp,
) -> (Swept, Result<(), store::Error>) {
    let mut swept = Swept::default();
    let mut cursor = None;
    loop {
        let until = began.after(LOOK_AHEAD);
        let page = match deps.store.due(shard, until, PAGE, cursor).await {
            Ok(page) => page,
            Err(error) => return (swept, Err(error)),
        };
        sweep_page(deps, page.due, &mut swept).await;
        cursor = page.next;
        let spent = deps.platform.clock.now().since(began);
        if cursor.is_none() || spent > BUDGET {
            return (swept, Ok(()));
        }
    }
}

/// Sends first and puts off after: a crash in between sends twice, never not at all.
async fn sweep_page(deps: &Deps, page: Vec<Result<Due, store::Error>>, swept: &mut Swept) {
    let now = deps.platform.clock.now();
    let found = page.len();
    let due: Vec<_> = page.into_iter().filter_map(Result::ok).collect();
    let messages: Vec<_> = due.iter().map(|due| message(due, now)).collect();
    let sent = deps.retries.send(&messages).await;
    let taken = due.iter().zip(sent).filter(|(_, sent)| sent.is_ok());
    let moved = taken.map(|(due, _)| deps.store.put_off(due, rescue_at(due, now)));
    let mut acted: usize = 0;
    for moved in join_all(moved).await {
        match moved {
            Ok(true) => swept.enqueued += 1,
            Ok(false) => swept.gone += 1,
            Err(_) => continue,
        }
        acted += 1;
    }
    let failed = found.saturating_sub(acted);
    swept.failed += u32::try_from(failed).unwrap_or(u32::MAX);
}

/// When to look again, should the message just sent be lost.
fn rescue_at(due: &Due, now: Timestamp) -> Timestamp {
    due.next.max(now).after(RESCUE_AFTER)
}

fn message(due: &Due, now: Timestamp) -> Outgoing {
    let message = DeliveryMessage {
        // Another message for the same attempt may still be on its way.
        repeated: true,
        ..DeliveryMessage::of(
            &due.network,
            due.id,
            &due.event,
            due.attempts.saturating_add(1),
        )
    };
    let delay = due.next.since(now).min(MAX_DELAY);
    Outgoing {
        body: message.write(),
        group: message.group(),
        delay,
    }
}

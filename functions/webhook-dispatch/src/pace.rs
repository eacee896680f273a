//! Notices a slow endpoint while its answers are still awaited.
//!
//! A batch is done when its slowest attempt is, and only so many batches are worked at once. A few
//! webhooks a second to a receiver that answers well but late would therefore take all places and
//! make everybody's webhooks wait, and no breaker would open. So dispatchers count together the seconds
//! that attempts last too long; who counts one too many writes that the endpoint is slow, every other
//! dispatcher reads it with what else it knows of the endpoint, and [`admission`](crate::admission) sends its webhooks
//! on to the slow queue, whose places are for slow endpoints only.
//!
//! What is fast pays nothing for it, and while an endpoint is known to be slow nothing is counted.

use std::pin::pin;

use domain::health::SLOW;
use telemetry::event::EndpointSlow;
use tokio::time::timeout;

use crate::Deps;
use crate::endpoints::Known;
use crate::tell;

/// What `post` gives; on the way, that it takes long is noted.
pub(crate) async fn watched<T>(deps: &Deps, known: &Known, post: impl Future<Output = T>) -> T {
    let mut post = pin!(post);
    loop {
        if let Ok(answer) = timeout(SLOW, &mut post).await {
            return answer;
        }
        // Before the answer is there, because until the others know, each new webhook takes a place.
        // But no answer waits for it.
        tokio::select! {
            biased;
            answer = &mut post => return answer,
            () = Box::pin(note(deps, known)) => {}
        }
    }
}

async fn note(deps: &Deps, known: &Known) {
    if let Err(error) = count(deps, known).await {
        tell::aftermath_failed(deps, known, "pace", &error);
    }
}

async fn count(deps: &Deps, known: &Known) -> Result<(), store::Error> {
    let now = deps.platform.clock.now();
    if known.health().health.is_known_slow(now) {
        return Ok(());
    }
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let seen = deps.store.count_slow(network, id, now).await?;
    let _changing = known.changing.lock().await;
    let before = known.health();
    let Some(after) = before.health.slowed(seen, now) else {
        return Ok(());
    };
    let Some(ours) = deps.store.change_health(network, id, before, after).await? else {
        // Changed elsewhere, perhaps to this; the next slow attempt looks at what is there now.
        known.learn(deps.store.health(network, id).await?);
        return Ok(());
    };
    known.learn(ours);
    if !before.health.is_slow(now) {
        let event = EndpointSlow {
            network: network.to_string(),
            endpoint_id: id.to_string(),
            endpoints_slow: 1,
        };
        deps.platform.telemetry.emit(&event, now.millis());
    }
    Ok(())
}

//! One step of a job: a page, its record, and the message for the next.

use std::time::Duration;

use domain::endpoint::{Endpoint, disabled};
use domain::id::{DeliveryId, EventId};
use domain::operational::News;
use domain::replay::{Job, State};
use queue::replay::ReplayMessage;
use queue::{Outgoing, Record};
use set_aside::Source;
use telemetry::chain::chain;
use telemetry::event::{ReplayAdvanced, ReplayFailed};

use crate::Deps;
use crate::page::{Done, left_behind, work};

/// Takes the job that `record` names one page further.
///
/// # Errors
/// When a store or queue does not answer; the record is received again then, and goes on where the
/// job's own record says.
pub(crate) async fn step(deps: &Deps, record: &Record) -> Result<(), String> {
    let message = match ReplayMessage::read(&record.body) {
        Ok(message) => message,
        Err(malformed) => {
            let from = (Source::Replays, record);
            let kept = set_aside::unreadable(&deps.platform, &deps.store, from, &malformed);
            return kept.await.map_err(|error| chain(&error));
        }
    };
    let (network, endpoint) = (&message.network, message.endpoint);
    let job = deps.store.replay(network, endpoint, message.replay).await;
    let Some(job) = job.map_err(|error| chain(&error))? else {
        return Ok(());
    };
    if job.state == State::Cancelled {
        return clear(deps, job).await.map_err(|error| chain(&error));
    }
    if job.state.has_ended() {
        return Ok(());
    }
    let found = deps.store.endpoint(network, endpoint).await;
    match found.map_err(|error| chain(&error))? {
        None => fail(deps, &job, None, "the endpoint was deleted").await,
        Some(endpoint) => match &endpoint.disabled {
            Some(why) => {
                let why = disabled::explain(&why.reason);
                let reason = format!("the endpoint is disabled: {why}");
                fail(deps, &job, Some(&endpoint), &reason).await
            }
            None => advance(deps, job, &endpoint).await,
        },
    }
}

async fn advance(deps: &Deps, job: Job, endpoint: &Endpoint) -> Result<(), String> {
    let done = work(deps, &job, endpoint).await?;
    let now = deps.platform.clock.now();
    let Done {
        counts,
        sent,
        last,
        next,
    } = done;
    let after = job.after(counts, last, next, now);
    let saved = deps.store.save_replay(&after).await;
    if !saved.map_err(|error| chain(&error))? {
        // Stopped meanwhile, or another holder of the message did this step and goes on.
        let stopped = stopped(deps, &after, &sent).await;
        return stopped.map_err(|error| chain(&error));
    }
    let event = ReplayAdvanced {
        network: after.network.to_string(),
        replay_id: after.id.to_string(),
        state: after.state.word(),
        found: after.counts.found,
        replayed: counts.replayed,
        skipped: counts.skipped,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    if after.state == State::Done {
        tell(deps, &after, endpoint, None).await;
        return Ok(());
    }
    let sent = u32::try_from(sent.len()).unwrap_or(u32::MAX);
    proceed(deps, &after, after.pause(sent)).await
}

/// The page was under way when its job was stopped: if that was on request, what it queued is taken
/// back as what was queued before it; and it is counted.
async fn stopped(deps: &Deps, after: &Job, sent: &[DeliveryId]) -> Result<(), store::Error> {
    let (network, id) = (&after.network, after.id);
    let job = deps.store.replay(network, after.endpoint, id).await?;
    if job.is_some_and(|job| job.state == State::Cancelled) {
        take_back(deps, after, sent).await?;
    }
    // Last: it moves the cursor on, behind which a repeat looks for what is still to be taken back.
    deps.store.count_stopped(after).await
}

/// The job was cancelled, and its message came, perhaps again: whoever worked on the page may have
/// died, or failed to reach the table, before it was cleared away.
async fn clear(deps: &Deps, job: Job) -> Result<(), store::Error> {
    let Done {
        counts, sent, last, ..
    } = left_behind(deps, &job).await?;
    if sent.is_empty() {
        return Ok(());
    }
    take_back(deps, &job, &sent).await?;
    let now = deps.platform.clock.now();
    deps.store
        .count_stopped(&job.after(counts, last, None, now))
        .await
}

async fn take_back(deps: &Deps, job: &Job, sent: &[DeliveryId]) -> Result<(), store::Error> {
    let now = deps.platform.clock.now();
    let taken = deps.store.take_back(&job.network, job.id, sent, now);
    match taken.await? {
        0 => Ok(()),
        taken => deps.store.count_taken_back(job, taken).await,
    }
}

/// Sends the message for the next page. Should that fail, the one in hand is received again.
async fn proceed(deps: &Deps, job: &Job, delay: Duration) -> Result<(), String> {
    let message = ReplayMessage {
        network: job.network.clone(),
        endpoint: job.endpoint,
        replay: job.id,
    };
    let outgoing = Outgoing {
        body: message.write(),
        group: job.network.to_string(),
        delay,
    };
    for sent in deps.replays.send(&[outgoing]).await {
        sent.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Ends a job that cannot go on, and tells so if there is an endpoint to tell of.
async fn fail(
    deps: &Deps,
    job: &Job,
    endpoint: Option<&Endpoint>,
    reason: &str,
) -> Result<(), String> {
    let now = deps.platform.clock.now();
    let named = (&job.network, job.endpoint, job.id);
    let stopped = deps.store.stop_replay(named, Some(reason), now).await;
    if stopped.map_err(|error| chain(&error))? {
        let event = ReplayFailed {
            network: job.network.to_string(),
            replay_id: job.id.to_string(),
            reason: reason.to_owned(),
            replays_failed: 1,
        };
        deps.platform.telemetry.emit(&event, now.millis());
        if let Some(endpoint) = endpoint {
            tell(deps, job, endpoint, Some(reason)).await;
        }
    }
    Ok(())
}

/// Tells whoever subscribed. The job's record says the same, so what the queue does not take is
/// lost without harm.
async fn tell(deps: &Deps, job: &Job, endpoint: &Endpoint, failed: Option<&str>) {
    let now = deps.platform.clock.now();
    let news = News::replay_finished(job, endpoint, failed);
    let id = EventId::generate(now, deps.platform.random.bytes());
    let outgoing = Outgoing::news(&job.network, &id, &news, now);
    drop(deps.events.send(&[outgoing]).await);
}

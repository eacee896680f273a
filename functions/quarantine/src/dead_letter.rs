//! One dead letter, and what is done with it.

use domain::attempt::Attempt;
use domain::delivery::State;
use domain::id::{EventId, NetworkId};
use domain::operational::{self, News};
use queue::message::{DeliveryMessage, Reported, read_event, resend_event};
use queue::replay::ReplayMessage;
use queue::{MAX_DELAY, Outgoing, Record};
use set_aside::Source;
use store::{Finished, Recorded};
use telemetry::chain::chain;
use telemetry::event::{DeliveryDied, DeliveryRescued, EventResent, ReplayFailed};

use crate::{Deps, push};

/// How often one attempt of a delivery is made due again before the delivery is given up. Each time is
/// five receives, six minutes apart, so this is ten hours of trouble.
const MAX_RESCUES: u32 = 20;

/// How often an event is sent back before it is quarantined: with the delay, two days of trouble.
const MAX_RESENT: u32 = 100;

/// Brings a dead letter back to life, or makes it visible.
pub(crate) async fn set_right(deps: &Deps, record: &Record) -> Result<(), String> {
    if let Ok(message) = DeliveryMessage::read(&record.body) {
        return rescue(deps, &message).await.map_err(|error| chain(&error));
    }
    if let Ok(message) = ReplayMessage::read(&record.body) {
        let stopped = stop(deps, &message).await;
        return stopped.map_err(|error| chain(&error));
    }
    if let Some(done) = push::set_right(deps, record).await {
        return done;
    }
    match read_event(&record.body, record.sent, &record.message_id) {
        Ok(reported) if reported.resent < MAX_RESENT => resend(deps, &reported).await,
        Ok(_) => keep(deps, record, Source::Events).await,
        Err(_) => keep(deps, record, Source::Unknown).await,
    }
}

/// SQS giving up is no reason for us to: the delivery is still owed.
async fn rescue(deps: &Deps, message: &DeliveryMessage) -> Result<(), store::Error> {
    let now = deps.platform.clock.now();
    let (network, id) = (&message.network, message.delivery);
    let rescued = deps.store.rescue(network, id, message.attempt, now).await?;
    let Some(times) = rescued else {
        // That attempt was made after all, and nothing is owed for it.
        return Ok(());
    };
    let event = DeliveryRescued {
        network: network.to_string(),
        delivery_id: id.to_string(),
        attempt: message.attempt,
        times,
        rescued: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    if times > MAX_RESCUES {
        give_up(deps, message).await?;
    }
    Ok(())
}

/// The attempt cannot be made, however often it is tried: a dead letter, visible as every other.
async fn give_up(deps: &Deps, message: &DeliveryMessage) -> Result<(), store::Error> {
    let now = deps.platform.clock.now();
    let attempt = Attempt::unsent(
        message.attempt,
        now,
        "could_not_be_attempted",
        "Fanfare failed each time it tried to make this attempt; the operator's log has the reasons",
    );
    let finished = Finished {
        attempt: &attempt,
        state: State::Dead,
        due: None,
    };
    let (network, id) = (&message.network, message.delivery);
    match deps.store.record(network, id, finished).await? {
        Recorded::Now => {}
        // It was made, parked or given up in the meantime: nothing died here.
        Recorded::Stale => return Ok(()),
    }
    let event = DeliveryDied {
        network: message.network.to_string(),
        delivery_id: message.delivery.to_string(),
        attempts: attempt.number,
        reason: attempt.reason.clone(),
        dead: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    tell(deps, message, &attempt).await
}

/// Tells whoever subscribed, unless the delivery was of news itself, which could go round for ever.
async fn tell(
    deps: &Deps,
    message: &DeliveryMessage,
    attempt: &Attempt,
) -> Result<(), store::Error> {
    let (network, id) = (&message.network, message.delivery);
    let stored = deps.store.event(network, &message.event).await?;
    let endpoint = deps.store.endpoint(network, id.endpoint()).await?;
    let (Some(stored), Some(endpoint)) = (stored, endpoint) else {
        return Ok(());
    };
    if operational::is_reserved(&stored.event.event_type) {
        return Ok(());
    }
    let (attempts, reason) = (attempt.number, &attempt.reason);
    let news = News::exhausted(&endpoint, id, &message.event, attempts, reason);
    report(deps, network, &news).await;
    Ok(())
}

/// A job that fails at the same page again and again is ended, visibly; another can be made.
async fn stop(deps: &Deps, message: &ReplayMessage) -> Result<(), store::Error> {
    const REASON: &str =
        "Fanfare failed again and again at one page; the operator's log has the reasons";
    let now = deps.platform.clock.now();
    let named = (&message.network, message.endpoint, message.replay);
    if deps.store.stop_replay(named, Some(REASON), now).await? {
        let event = ReplayFailed {
            network: message.network.to_string(),
            replay_id: message.replay.to_string(),
            reason: REASON.to_owned(),
            replays_failed: 1,
        };
        deps.platform.telemetry.emit(&event, now.millis());
        tell_of_job(deps, message, REASON).await?;
    }
    Ok(())
}

/// Tells whoever subscribed that a job failed, as replay-jobs does of those that it ends itself.
async fn tell_of_job(
    deps: &Deps,
    message: &ReplayMessage,
    reason: &str,
) -> Result<(), store::Error> {
    let (network, endpoint) = (&message.network, message.endpoint);
    let job = deps.store.replay(network, endpoint, message.replay).await?;
    let endpoint = deps.store.endpoint(network, endpoint).await?;
    if let (Some(job), Some(endpoint)) = (job, endpoint) {
        report(
            deps,
            network,
            &News::replay_finished(&job, &endpoint, Some(reason)),
        )
        .await;
    }
    Ok(())
}

/// The record of what the news are about says the same, so what the queue does not take is lost
/// without harm.
async fn report(deps: &Deps, network: &NetworkId, news: &News) {
    let now = deps.platform.clock.now();
    let id = EventId::generate(now, deps.platform.random.bytes());
    let outgoing = Outgoing::news(network, &id, news, now);
    drop(deps.events.send(&[outgoing]).await);
}

/// A good event could not be fanned out: trouble of ours, which must not cost it.
async fn resend(deps: &Deps, reported: &Reported) -> Result<(), String> {
    let outgoing = Outgoing {
        body: resend_event(reported),
        group: reported.event.network.to_string(),
        delay: MAX_DELAY,
    };
    for sent in deps.events.send(&[outgoing]).await {
        sent.map_err(|error| error.to_string())?;
    }
    let event = EventResent {
        network: reported.event.network.to_string(),
        event_id: reported.event.id.to_string(),
        times: reported.resent.saturating_add(1),
        resent: 1,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
    Ok(())
}

pub(crate) async fn keep(deps: &Deps, record: &Record, queue: Source) -> Result<(), String> {
    let kept = set_aside::worn_out(&deps.platform, &deps.store, (queue, record)).await;
    kept.map_err(|error| chain(&error))
}

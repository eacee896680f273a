//! Dead letters of the two queues of pushes. What is in them is good; that they failed is trouble of
//! ours, which must cost nobody a push and no broadcast its rest.

use domain::id::{EventId, NetworkId};
use queue::push::{AudienceMessage, PushMessage};
use queue::{MAX_DELAY, Outgoing, Queue, Record};
use set_aside::Source;
use store::{GIVEN_UP, PushRecord, PushState};
use telemetry::chain::chain;
use telemetry::event::PushResent;

use crate::Deps;
use crate::dead_letter::keep;

/// How often a message is sent back before it is quarantined: with the delay, two days of trouble.
const MAX_RESENT: u32 = 100;

/// `None` when the letter is of neither queue.
pub(crate) async fn set_right(deps: &Deps, record: &Record) -> Option<Result<(), String>> {
    if let Ok(message) = AudienceMessage::read(&record.body) {
        return Some(audience(deps, record, message).await);
    }
    let message = PushMessage::read(&record.body).ok()?;
    Some(push(deps, record, message).await)
}

async fn audience(deps: &Deps, record: &Record, message: AudienceMessage) -> Result<(), String> {
    if message.resent >= MAX_RESENT {
        return keep(deps, record, Source::Audiences).await;
    }
    let again = AudienceMessage {
        resent: message.resent.saturating_add(1),
        // One of the receives that failed may have done a part of it.
        repeated: true,
        ..message
    };
    let (network, event) = (&again.network, &again.event);
    resend(
        deps,
        &deps.audiences,
        again.write(),
        (network, event, again.resent),
    )
    .await
}

async fn push(deps: &Deps, record: &Record, message: PushMessage) -> Result<(), String> {
    if message.resent >= MAX_RESENT {
        give_up(deps, &message)
            .await
            .map_err(|error| chain(&error))?;
        return keep(deps, record, Source::Pushes).await;
    }
    let again = PushMessage {
        resent: message.resent.saturating_add(1),
        // It may have been sent by one of the receives that failed.
        repeated: true,
        ..message
    };
    let (network, event) = (&again.network, &again.event);
    resend(
        deps,
        &deps.pushes,
        again.write(),
        (network, event, again.resent),
    )
    .await
}

async fn give_up(deps: &Deps, message: &PushMessage) -> Result<(), store::Error> {
    let record = PushRecord {
        user: message.user.clone(),
        device: Some(message.device.id.clone()),
        state: PushState::Dead,
        trail: message.trail.clone(),
        attempts: message.attempt,
        explanation: Some(GIVEN_UP.to_owned()),
        at: deps.platform.clock.now(),
    };
    let (network, event) = (&message.network, &message.event);
    // Refused, it was settled after all.
    deps.store.settle_push(network, event, &record).await?;
    Ok(())
}

async fn resend(
    deps: &Deps,
    queue: &Queue,
    body: String,
    (network, event, times): (&NetworkId, &EventId, u32),
) -> Result<(), String> {
    let outgoing = Outgoing {
        body,
        group: network.to_string(),
        delay: MAX_DELAY,
    };
    for sent in queue.send(&[outgoing]).await {
        sent.map_err(|error| error.to_string())?;
    }
    let event = PushResent {
        network: network.to_string(),
        event_id: event.to_string(),
        times,
        pushes_resent: 1,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
    Ok(())
}

//! What a provider's answer means beyond its push: for the device, for the credential, and for those
//! who want to know.

use domain::credential::Record as Credential;
use domain::id::{EventId, NetworkId};
use domain::operational::News;
use providers::{Answer, Class};
use queue::message::{Malformed, owner};
use queue::{Outgoing, Record};
use serde_json::json;
use store::{ActiveSlot, Paused, Quarantined};
use telemetry::chain::chain;
use telemetry::event::{
    CredentialPaused, CredentialRecovered, DeviceRemoved, MessageQuarantined, PushDied,
    PushNewsFailed, TokensGuarded,
};

use crate::Deps;
use crate::attempt::{DOUBT, Try};
use crate::outcome::{Credit, Outcome, is_trusted};

/// Refused tokens after which the owner is told that the credential may be the wrong one.
const TELL_AT: u64 = 3;

pub(crate) async fn conclude(
    made: Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
    answer: &Answer,
) -> Result<Outcome, store::Error> {
    let say = format!("{}: {}", answer.reason, answer.meaning);
    match answer.class {
        Class::Delivered => {
            made.sent(answer).await?;
            if active.recovering.is_some() {
                recovered(&made, active, of).await?;
            }
            Ok(Outcome::Sent(Credit::of(&made.message.network, active)))
        }
        Class::DeadToken { since } => {
            let said = since.unwrap_or(made.now);
            remove_device(&made, said, &answer.reason).await?;
            made.dead(say).await
        }
        Class::WrongEnvironmentSuspect | Class::WrongProjectSuspect => {
            suspect(made, active, of, answer, say).await
        }
        Class::CredentialFault => {
            let why = (answer.reason.as_str(), answer.meaning);
            pause(made, active, of, why).await
        }
        Class::Retry { after } => made.again(after, say).await,
        Class::Poison => made.dead(say).await,
    }
}

/// The guard: a wrong certificate, one for the other environment, or a service account of another
/// project makes every token look bad.
async fn suspect(
    made: Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
    answer: &Answer,
    say: String,
) -> Result<Outcome, store::Error> {
    let network = &made.message.network;
    // A phone counts once, however often the push is tried.
    let new = u64::from(!made.was_doubted(active));
    let counted = made
        .deps
        .store
        .count_answers(network, active.slot, active.version, (0, new))
        .await?;
    let Some(now) = counted else {
        // Another credential is active by now: let it try.
        return made.hold(active, say).await;
    };
    if is_trusted(&now) {
        // Another project's token is good there: only its registration is mistaken.
        if answer.class == Class::WrongEnvironmentSuspect {
            remove_device(&made, made.now, &answer.reason).await?;
        }
        return made.dead(say).await;
    }
    if new > 0 && now.suspects == TELL_AT {
        let event = TokensGuarded {
            network: network.to_string(),
            credential_id: of.id.to_string(),
            tokens_guarded: now.suspects,
        };
        let at = made.now.millis();
        made.deps.platform.telemetry.emit(&event, at);
        let data = json!({
            "credentialId": of.id.to_string(),
            "slot": of.slot.to_string(),
            "refusedTokens": now.suspects,
            "reachedPhones": now.delivered,
            "reason": answer.reason,
            "explanation": DOUBT,
        });
        report(&made, "device.guarded", data).await;
    }
    made.hold(active, format!("{say}. {DOUBT}")).await
}

/// The credential convinces nobody: it is paused, once, and the push waits.
pub(crate) async fn pause(
    made: Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
    (reason, meaning): (&str, &str),
) -> Result<Outcome, store::Error> {
    let network = &made.message.network;
    let why = Paused {
        reason: reason.to_owned(),
        explanation: meaning.to_owned(),
        at: made.now,
    };
    let first = made
        .deps
        .store
        .pause_slot(network, active.slot, active.version, &why)
        .await?;
    made.deps.networks.forget(network);
    if first {
        let event = CredentialPaused {
            network: network.to_string(),
            credential_id: of.id.to_string(),
            reason: why.reason.clone(),
            credentials_paused: 1,
        };
        let at = made.now.millis();
        made.deps.platform.telemetry.emit(&event, at);
        let data = json!({
            "credentialId": of.id.to_string(),
            "name": of.name,
            "slot": of.slot.to_string(),
            "reason": why.reason,
            "explanation": format!("{meaning}; pushes wait until a good credential is activated"),
        });
        report(&made, "credential.failed", data).await;
    }
    let say = format!("{reason}: {meaning}; it waits until a good credential is activated");
    made.hold(active, say).await
}

/// A push got through where a credential was at fault: told once.
async fn recovered(
    made: &Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
) -> Result<(), store::Error> {
    let network = &made.message.network;
    let first = made
        .deps
        .store
        .recover_slot(network, active.slot, active.version)
        .await?;
    made.deps.networks.forget(network);
    if first {
        let event = CredentialRecovered {
            network: network.to_string(),
            credential_id: of.id.to_string(),
            credentials_recovered: 1,
        };
        let at = made.now.millis();
        made.deps.platform.telemetry.emit(&event, at);
        let fault = active.recovering.as_ref();
        let data = json!({
            "credentialId": of.id.to_string(),
            "name": of.name,
            "slot": of.slot.to_string(),
            "failedSince": fault.map(|fault| fault.at.to_string()),
            "reason": fault.map(|fault| &fault.reason),
            "explanation": "the provider takes pushes with it; those that waited are sent",
        });
        report(made, "credential.recovered", data).await;
    }
    Ok(())
}

async fn remove_device(
    made: &Try<'_>,
    said: domain::time::Timestamp,
    reason: &str,
) -> Result<(), store::Error> {
    let device = &made.message.device;
    let dead = Some((&device.token, said));
    let network = &made.message.network;
    if made
        .deps
        .store
        .remove_device(network, &device.id, dead)
        .await?
    {
        let event = DeviceRemoved {
            network: network.to_string(),
            provider: device.slot.provider().word(),
            reason: reason.to_owned(),
            devices_removed: 1,
        };
        let at = made.now.millis();
        made.deps.platform.telemetry.emit(&event, at);
    }
    Ok(())
}

/// Tells whoever subscribed. What the queue does not take is logged and not repeated: the state it
/// tells of can be asked for.
async fn report(made: &Try<'_>, name: &'static str, data: serde_json::Value) {
    let network = &made.message.network;
    let id = EventId::generate(made.now, made.deps.platform.random.bytes());
    let outgoing = Outgoing::news(network, &id, &News::push(name, data), made.now);
    for sent in made.deps.events.send(&[outgoing]).await {
        if let Err(error) = sent {
            let event = PushNewsFailed {
                network: network.to_string(),
                news: name,
                error: chain(&error),
            };
            let at = made.now.millis();
            made.deps.platform.telemetry.emit(&event, at);
        }
    }
}

pub(crate) fn died(made: &Try<'_>, reason: &str) {
    let event = PushDied {
        network: made.message.network.to_string(),
        event_id: made.message.event.to_string(),
        provider: made.message.device.slot.provider().word(),
        attempts: made.message.attempt,
        reason: reason.to_owned(),
    };
    let at = made.now.millis();
    made.deps.platform.telemetry.emit(&event, at);
}

/// Keeps a message that is none of ours, whole, with the reason.
pub(crate) async fn quarantine(
    deps: &Deps,
    record: Record,
    why: &Malformed,
) -> Result<Outcome, String> {
    let group = record.group.as_deref().and_then(NetworkId::parse);
    let message = Quarantined {
        network: group.or_else(|| owner(&record.body)),
        queue: "pushes".to_owned(),
        message_id: record.message_id.clone(),
        reason: why.to_string(),
        at: record.sent,
        body: record.body,
    };
    let stored = deps.store.quarantine(&message).await;
    stored.map_err(|error| chain(&error))?;
    let event = MessageQuarantined {
        queue: "pushes",
        message_id: record.message_id,
        reason: why.word(),
        quarantined: 1,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
    Ok(Outcome::Quarantined)
}

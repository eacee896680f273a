//! What a provider's answer means beyond its push: for the device, for the credential, and for those
//! who want to know.

use domain::credential::Record as Credential;
use domain::operational::News;
use providers::{Answer, Class};
use queue::Record;
use queue::message::Malformed;
use queue::push::HeldFor;
use set_aside::Source;
use store::{ActiveSlot, Paused};
use telemetry::chain::chain;
use telemetry::event::{
    CredentialPaused, CredentialRecovered, DeviceRemoved, PushDied, TokensGuarded,
};

use crate::Deps;
use crate::attempt::{DOUBT, Try};
use crate::news;
use crate::outcome::{Credit, Outcome, Trouble, is_trusted};

/// Refused tokens after which the owner is told that the credential may be the wrong one.
const TELL_AT: u64 = 3;

pub(crate) async fn conclude(
    made: Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
    answer: &Answer,
) -> Result<Outcome, Trouble> {
    let say = format!("{}: {}", answer.reason, answer.meaning);
    match answer.class {
        Class::Delivered => {
            made.sent(answer).await?;
            if let Some(fault) = &active.recovering {
                Box::pin(recovered(&made, active, of, fault)).await?;
            }
            Ok(Outcome::Sent(Credit::of(&made.message.network, active)))
        }
        Class::DeadToken { since } => {
            let said = since.unwrap_or(made.now);
            Box::pin(remove_device(&made, said, &answer.reason)).await?;
            made.dead(say).await
        }
        Class::WrongEnvironmentSuspect | Class::WrongProjectSuspect => {
            Box::pin(suspect(made, active, of, answer, say)).await
        }
        Class::CredentialFault => {
            let why = (answer.reason.as_str(), answer.meaning);
            Box::pin(pause(made, active, of, why)).await
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
) -> Result<Outcome, Trouble> {
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
        return made.hold(active, HeldFor::Doubt, say).await;
    };
    if is_trusted(&now) {
        // Another project's token is good there: only its registration is mistaken.
        if answer.class == Class::WrongEnvironmentSuspect {
            remove_device(&made, made.now, &answer.reason).await?;
        }
        return made.dead(say).await;
    }
    // From then on, until it is written down: whoever counted the phone may have ended before that.
    if now.suspects >= TELL_AT && !now.guarded {
        guard(&made, &now, of, &answer.reason).await?;
    }
    let say = format!("{say}. {DOUBT}");
    made.hold(active, HeldFor::Doubt, say).await
}

/// The credential may be the wrong one: its owner is told, once.
async fn guard(
    made: &Try<'_>,
    now: &ActiveSlot,
    of: &Credential,
    reason: &str,
) -> Result<(), Trouble> {
    let network = &made.message.network;
    let counts = (now.suspects, now.delivered);
    let guarded = news::owed(made, News::device_guarded(of, counts, reason, DOUBT));
    let first = made
        .deps
        .store
        .guard_slot(network, now.slot, now.version, &guarded)
        .await?;
    made.deps.networks.forget(network);
    if first {
        let event = TokensGuarded {
            network: network.to_string(),
            credential_id: of.id.to_string(),
            tokens_guarded: now.suspects,
        };
        let at = made.now.millis();
        made.deps.platform.telemetry.emit(&event, at);
    }
    Ok(())
}

/// Told of a push that waits for another credential.
pub(crate) fn waits(reason: &str, meaning: &str) -> String {
    format!("{reason}: {meaning}; it waits until a good credential is activated")
}

/// The credential convinces nobody: it is paused, once, and the push waits.
pub(crate) async fn pause(
    made: Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
    (reason, meaning): (&str, &str),
) -> Result<Outcome, Trouble> {
    let (deps, at, network) = (made.deps, made.now, &made.message.network);
    let why = Paused {
        reason: reason.to_owned(),
        explanation: meaning.to_owned(),
        at,
    };
    let failed = news::owed(&made, News::credential_failed(of, reason, meaning));
    let first = deps
        .store
        .pause_slot(network, active.slot, active.version, (&why, &failed))
        .await?;
    deps.networks.forget(network);
    if first {
        let event = CredentialPaused {
            network: network.to_string(),
            credential_id: of.id.to_string(),
            reason: why.reason,
            credentials_paused: 1,
        };
        deps.platform.telemetry.emit(&event, at.millis());
    }
    let say = waits(reason, meaning);
    made.hold(active, HeldFor::Pause, say).await
}

/// A push got through where a credential was at fault.
pub(crate) async fn recovered(
    made: &Try<'_>,
    active: &ActiveSlot,
    of: &Credential,
    fault: &Paused,
) -> Result<(), Trouble> {
    let network = &made.message.network;
    let recovered = News::credential_recovered(of, &fault.reason, fault.at);
    let recovered = news::owed(made, recovered);
    let first = made
        .deps
        .store
        .recover_slot(network, active.slot, active.version, &recovered)
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
    }
    Ok(())
}

async fn remove_device(
    made: &Try<'_>,
    said: domain::time::Timestamp,
    reason: &str,
) -> Result<(), Trouble> {
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

/// Sets a message aside that is none of ours.
pub(crate) async fn quarantine(
    deps: &Deps,
    record: Record,
    why: &Malformed,
) -> Result<Outcome, String> {
    let from = (Source::Pushes, &record);
    let kept = set_aside::unreadable(&deps.platform, &deps.store, from, why).await;
    kept.map_err(|error| chain(&error))?;
    Ok(Outcome::Quarantined)
}

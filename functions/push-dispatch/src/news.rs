//! What those who subscribed are told.

use std::error::Error;

use domain::credential::Slot;
use domain::id::{EventId, NetworkId};
use domain::operational::News;
use queue::Outgoing;
use serde_json::Value;
use store::Owed;
use telemetry::chain::chain;
use telemetry::event::PushNewsFailed;

use crate::Deps;
use crate::aftermath::recovered;
use crate::attempt::Try;
use crate::outcome::{Ended, Outcome, Trouble};

/// News of a credential, to be written down with what it tells of.
pub(crate) fn owed(made: &Try<'_>, news: News) -> Owed {
    Owed {
        id: EventId::generate(made.now, made.deps.platform.random.bytes()),
        news,
        at: made.now,
    }
}

/// Tells what a slot owes, and notes that it is told. Told again, as it is when this ends in between,
/// it is the same event, so it reaches nobody twice.
pub(crate) async fn tell(
    deps: &Deps,
    network: &NetworkId,
    slot: Slot,
    owed: &[Owed],
) -> Result<(), Trouble> {
    for one in owed {
        let outgoing = Outgoing::news(network, &one.id, &one.news, one.at);
        for sent in Box::pin(deps.events.send(&[outgoing])).await {
            sent?;
        }
        Box::pin(deps.store.told(network, slot, &one.id)).await?;
        deps.networks.forget(network);
    }
    Ok(())
}

/// The same, of a slot, after its push. Nothing is lost when that fails: a push that comes again tells
/// it then, and one that does not is received again until it has told.
pub(crate) async fn tell_after(
    deps: &Deps,
    network: &NetworkId,
    (slot, owed): (Slot, &[Owed]),
    outcome: Outcome,
) -> Result<Outcome, Trouble> {
    for one in owed {
        match tell(deps, network, slot, std::slice::from_ref(one)).await {
            Err(error) if matches!(outcome, Outcome::Later(_)) => {
                failed(deps, network, one.news.name, &error);
            }
            told => told?,
        }
    }
    Ok(outcome)
}

/// A push that is settled and comes again: its first try may have ended before it told what it found
/// out about its credential.
pub(crate) async fn catch_up(made: &Try<'_>, ended: &Ended) -> Result<(), Trouble> {
    // What is kept may be from before its first try.
    made.deps.networks.forget(&made.message.network);
    let known = made.known().await?;
    let Some((active, of)) = known.credentials.in_slot(made.message.device.slot) else {
        return Ok(());
    };
    tell(made.deps, &made.message.network, active.slot, &active.owed).await?;
    match &active.recovering {
        Some(fault) if ended.was_sent_with(active) => recovered(made, active, of, fault).await,
        Some(_) | None => Ok(()),
    }
}

/// Tells of what needs no certainty: the state it tells of can be asked for.
pub(crate) async fn report(made: &Try<'_>, name: &'static str, data: Value) {
    let network = &made.message.network;
    let one = owed(made, News::push(name, data));
    let outgoing = Outgoing::news(network, &one.id, &one.news, one.at);
    for sent in made.deps.events.send(&[outgoing]).await {
        if let Err(error) = sent {
            failed(made.deps, network, name, &error);
        }
    }
}

fn failed(deps: &Deps, network: &NetworkId, news: &'static str, error: &dyn Error) {
    let event = PushNewsFailed {
        network: network.to_string(),
        news,
        error: chain(error),
    };
    let at = deps.platform.clock.now().millis();
    deps.platform.telemetry.emit(&event, at);
}

//! What those who subscribed are told of a network's credentials.
//!
//! News is written into the slot by the change that it tells of, and told after a push: by the try that
//! wrote it, or by any later one of the network when that one ended in between.

use domain::id::{EventId, NetworkId};
use domain::operational::News;
use domain::time::Timestamp;
use queue::Outgoing;
use store::{ActiveSlot, Owed};
use telemetry::chain::chain;
use telemetry::event::PushNewsFailed;

use crate::Deps;
use crate::aftermath::recovered;
use crate::attempt::Try;
use crate::network::Network;
use crate::outcome::{Ended, Outcome, Trouble};

/// News of a credential, to be written down with what it tells of.
pub(crate) fn owed(made: &Try<'_>, news: News) -> Owed {
    Owed {
        id: EventId::generate(made.now, made.deps.platform.random.bytes()),
        news,
        at: made.now,
    }
}

/// Tells what the network's slots owe, after a push. Nothing is lost when that fails: a push that comes
/// again tells it then, and one that does not is received again until it has told.
pub(crate) async fn tell(
    deps: &Deps,
    network: &NetworkId,
    now: Timestamp,
    outcome: &Outcome,
) -> Result<(), Trouble> {
    let known = Network::of(deps, network, now).await?;
    for active in &known.credentials.active {
        for owed in &active.owed {
            match Box::pin(tell_one(deps, network, active, owed)).await {
                Err(error) if matches!(outcome, Outcome::Later(_)) => {
                    let event = PushNewsFailed {
                        network: network.to_string(),
                        news: owed.news.name,
                        error: chain(&error),
                    };
                    let at = deps.platform.clock.now().millis();
                    deps.platform.telemetry.emit(&event, at);
                }
                told => told?,
            }
        }
    }
    Ok(())
}

/// Tells it, and notes that it is told. Told again, as it is when this ends in between, it is the same
/// event, so it reaches nobody twice.
async fn tell_one(
    deps: &Deps,
    network: &NetworkId,
    active: &ActiveSlot,
    owed: &Owed,
) -> Result<(), Trouble> {
    let outgoing = Outgoing::news(network, &owed.id, &owed.news, owed.at);
    for sent in deps.events.send(&[outgoing]).await {
        sent?;
    }
    deps.store.told(network, active.slot, &owed.id).await?;
    deps.networks.forget(network);
    Ok(())
}

/// A push that is settled and comes again: its first try may have ended before it told what it found
/// out about its credential.
pub(crate) async fn catch_up(made: &Try<'_>, ended: &Ended) -> Result<(), Trouble> {
    let network = &made.message.network;
    // What is kept may be from before its first try.
    made.deps.networks.forget(network);
    let known = Network::of(made.deps, network, made.now).await?;
    let Some((active, of)) = known.credentials.in_slot(made.message.device.slot) else {
        return Ok(());
    };
    match &active.recovering {
        Some(fault) if ended.was_sent_with(active) => recovered(made, active, of, fault).await,
        Some(_) | None => Ok(()),
    }
}

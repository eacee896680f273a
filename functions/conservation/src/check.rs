//! Accepted against standing, network by network.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::conservation::Balance;
use domain::id::{EventId, NetworkId};
use domain::time::Timestamp;
use store::Hour;
use telemetry::event::DeliveryLost;

use crate::Deps;

/// Longest work of one run, well inside the function's timeout.
const BUDGET: Duration = Duration::from_secs(240);

/// Events looked at between two looks at the clock.
const CHUNK: usize = 500;

#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) networks: u32,
    pub(crate) events: u64,
    pub(crate) accepted: u64,
    /// Events for which the time did not suffice.
    pub(crate) unchecked: u64,
    pub(crate) mismatches: u64,
}

/// Compares what was taken in these hours with what is there, and names what is not.
pub(crate) async fn check(
    deps: &Deps,
    hours: &[Hour],
    began: Timestamp,
) -> Result<Checked, store::Error> {
    let mut taken: BTreeMap<NetworkId, BTreeSet<EventId>> = BTreeMap::new();
    for hour in hours {
        for entry in deps.store.ledger(*hour, None).await? {
            taken.entry(entry.network).or_default().extend(entry.events);
        }
    }
    let mut checked = Checked::default();
    for (network, events) in taken {
        let balance = balance(deps, &network, events, began, &mut checked).await?;
        checked.networks += 1;
        checked.events += balance.events;
        let accepted = balance.endpoints.values().map(|tally| tally.accepted);
        checked.accepted += accepted.sum::<u64>();
        checked.mismatches += balance.mismatches();
        tell(deps, &network, &balance);
    }
    Ok(checked)
}

async fn balance(
    deps: &Deps,
    network: &NetworkId,
    events: BTreeSet<EventId>,
    began: Timestamp,
    checked: &mut Checked,
) -> Result<Balance, store::Error> {
    let mut balance = Balance::default();
    let events: Vec<_> = events.into_iter().collect();
    for chunk in events.chunks(CHUNK) {
        if deps.platform.clock.now().since(began) > BUDGET {
            checked.unchecked += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            continue;
        }
        let chunk = chunk.iter().cloned();
        deps.store.balance(network, chunk, &mut balance).await?;
    }
    Ok(balance)
}

/// A line for each delivery or event that is lost.
fn tell(deps: &Deps, network: &NetworkId, balance: &Balance) {
    let named = balance.endpoints.values().flat_map(|tally| &tally.named);
    let deliveries = named.map(|(id, event)| (event, Some(id.to_string())));
    let events = balance.lost_events.iter().map(|event| (event, None));
    let now = deps.platform.clock.now();
    for (event, delivery_id) in deliveries.chain(events) {
        let lost = DeliveryLost {
            network: network.to_string(),
            event_id: event.to_string(),
            delivery_id,
        };
        deps.platform.telemetry.emit(&lost, now.millis());
    }
}

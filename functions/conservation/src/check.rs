//! Accepted against standing, network by network.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::conservation::Balance;
use domain::id::{EventId, NetworkId};
use domain::time::Timestamp;
use store::{Hour, Taking};
use telemetry::event::DeliveryLost;

use crate::Deps;

/// Longest work of one run, well inside the function's timeout.
const BUDGET: Duration = Duration::from_secs(240);

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
    let mut checked = Checked::default();
    let mut networks = BTreeSet::new();
    let mut after = None;
    loop {
        let taken = deps.store.taken_in(hours, None, after.as_ref(), began);
        let Taking { events, more } = taken.await?;
        let Some(last) = events.last().cloned() else {
            break;
        };
        let mut by_network: BTreeMap<NetworkId, Vec<EventId>> = BTreeMap::new();
        for (network, event) in events {
            by_network.entry(network).or_default().push(event);
        }
        for (network, events) in by_network {
            let balance = balance(deps, &network, &events, began, &mut checked).await?;
            checked.events += balance.events;
            let accepted = balance.endpoints.values().map(|tally| tally.accepted);
            checked.accepted += accepted.sum::<u64>();
            checked.mismatches += balance.mismatches();
            tell(deps, &network, &balance);
            networks.insert(network);
        }
        if !more {
            break;
        }
        after = Some(last);
    }
    checked.networks = u32::try_from(networks.len()).unwrap_or(u32::MAX);
    Ok(checked)
}

async fn balance(
    deps: &Deps,
    network: &NetworkId,
    events: &[EventId],
    began: Timestamp,
    checked: &mut Checked,
) -> Result<Balance, store::Error> {
    let in_time = || deps.platform.clock.now().since(began) < BUDGET;
    let mut balance = Balance::default();
    let mut counted = 0;
    if in_time() {
        let count = deps.store.balance(network, events, &mut balance, in_time);
        counted = count.await?;
    }
    let unchecked = events.len().saturating_sub(counted);
    checked.unchecked += u64::try_from(unchecked).unwrap_or(u64::MAX);
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

//! Notes which events a batch took, for whoever counts whether all their deliveries are there.

use std::collections::BTreeMap;

use domain::id::{EventId, NetworkId};
use domain::time::Timestamp;
use futures::future::join_all;
use store::Entry;
use telemetry::chain::chain;

use crate::Deps;
use crate::fanout::Fanned;

/// A record whose event was taken.
#[derive(Debug)]
pub(crate) struct TakenRecord {
    message_id: String,
    event: EventId,
    /// Until when it is kept.
    until: Timestamp,
}

/// The taken events of a batch, by network.
pub(crate) fn taken(
    fanned: &[(String, Result<Fanned, String>)],
) -> BTreeMap<NetworkId, Vec<TakenRecord>> {
    let mut networks: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (message_id, result) in fanned {
        if let Ok(Fanned::Owes {
            network,
            event,
            until,
            ..
        }) = result
        {
            networks
                .entry(network.clone())
                .or_default()
                .push(TakenRecord {
                    message_id: message_id.clone(),
                    event: event.clone(),
                    until: *until,
                });
        }
    }
    networks
}

/// One write per network of the batch, after all its deliveries are recorded. Gives the records to
/// be received again, which notes them again: an event may be noted twice, never not at all.
pub(crate) async fn note(
    deps: &Deps,
    networks: BTreeMap<NetworkId, Vec<TakenRecord>>,
) -> Vec<(String, String)> {
    let now = deps.platform.clock.now();
    let notes = networks.into_iter().map(|(network, records)| async move {
        let entry = Entry {
            network,
            events: records.iter().map(|record| record.event.clone()).collect(),
            // As long as there is something to compare with for each of them.
            until: records
                .iter()
                .map(|record| record.until)
                .min()
                .unwrap_or(now),
        };
        let token = deps.platform.random.bytes();
        match deps.store.note_taken(&entry, token, now).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                let error = chain(&error);
                let records = records.into_iter();
                records
                    .map(|record| (record.message_id, error.clone()))
                    .collect()
            }
        }
    });
    join_all(notes).await.into_iter().flatten().collect()
}

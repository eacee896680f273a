//! The endpoint lists and rules of networks, kept between invocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Map, PoisonError};

use domain::id::NetworkId;
use domain::matching::Subscribers;
use domain::network::Rules;
use domain::time::Timestamp;
use store::Store;
use tokio::sync::Mutex;

/// Most networks kept.
const MAX_NETWORKS: usize = 1_000;

/// Each network has a lock of its own: a batch asks once, and a slow answer for one network makes
/// no other wait.
#[derive(Debug, Default)]
pub(crate) struct Endpoints(Map<HashMap<NetworkId, Arc<Mutex<Option<Known>>>>>);

/// A network as it was at one time.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) endpoints: Arc<Subscribers>,
    pub(crate) rules: Rules,
}

#[derive(Debug)]
struct Known {
    version: u64,
    network: Network,
    /// Just before the version was last read.
    checked: Timestamp,
}

impl Endpoints {
    /// The network's endpoints and rules as they were at `received` or later.
    ///
    /// `received` is when the batch came in, by this machine's clock, so after all its events were
    /// accepted: an event never misses an endpoint that was created before it was accepted, and no
    /// two clocks need to agree. One small read of the version, which brings the rules, tells
    /// whether the list known is still good; only a changed version costs the whole list.
    pub(crate) async fn at(
        &self,
        store: &Store,
        network: &NetworkId,
        received: Timestamp,
        now: Timestamp,
    ) -> Result<Network, store::Error> {
        let slot = self.slot(network);
        let mut slot = slot.lock().await;
        if let Some(known) = slot.as_ref()
            && known.checked >= received
        {
            return Ok(known.network.clone());
        }
        // The version is read before the list: a change in between makes the list newer than its
        // version, which costs one more read later and never a missed endpoint.
        let state = store.network(network).await?;
        let version = state.endpoints_version;
        let endpoints = match slot.as_ref() {
            Some(known) if known.version == version => Arc::clone(&known.network.endpoints),
            _ => {
                let endpoints = store.list_endpoints(network).await?;
                Arc::new(endpoints.into_iter().collect())
            }
        };
        let network = Network {
            endpoints,
            rules: state.rules,
        };
        *slot = Some(Known {
            version,
            network: network.clone(),
            checked: now,
        });
        Ok(network)
    }

    fn slot(&self, network: &NetworkId) -> Arc<Mutex<Option<Known>>> {
        // A panic elsewhere cannot leave the map half-changed: each change is one insert or clear.
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if networks.len() >= MAX_NETWORKS && !networks.contains_key(network) {
            networks.clear();
        }
        Arc::clone(networks.entry(network.clone()).or_default())
    }
}

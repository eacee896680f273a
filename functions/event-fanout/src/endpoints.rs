//! The endpoint lists of networks, kept between invocations.

use std::collections::HashMap;
use std::sync::Arc;

use domain::endpoint::Endpoint;
use domain::id::NetworkId;
use domain::time::Timestamp;
use store::Store;
use tokio::sync::Mutex;

/// Most networks kept.
const MAX_NETWORKS: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Endpoints(Mutex<HashMap<NetworkId, Known>>);

#[derive(Debug, Clone)]
struct Known {
    version: u64,
    endpoints: Arc<Vec<Endpoint>>,
    /// Just before the version was last read.
    checked: Timestamp,
}

impl Endpoints {
    /// The network's endpoints as they were at `received` or later.
    ///
    /// `received` is when the batch came in, by this machine's clock, so after all its events were
    /// accepted: an event never misses an endpoint that was created before it was accepted, and no
    /// two clocks need to agree. One small read of the version tells whether the list known is
    /// still good; only a changed version costs the whole list. The lock is held meanwhile, so a
    /// batch asks once.
    pub(crate) async fn at(
        &self,
        store: &Store,
        network: &NetworkId,
        received: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Vec<Endpoint>>, store::Error> {
        let mut networks = self.0.lock().await;
        let known = networks.get(network).cloned();
        if let Some(known) = &known
            && known.checked >= received
        {
            return Ok(known.endpoints.clone());
        }
        // The version is read before the list: a change in between makes the list newer than its
        // version, which costs one more read later and never a missed endpoint.
        let version = store.endpoints_version(network).await?;
        let endpoints = match known {
            Some(known) if known.version == version => known.endpoints,
            _ => Arc::new(store.list_endpoints(network).await?),
        };
        if networks.len() >= MAX_NETWORKS {
            networks.clear();
        }
        networks.insert(
            network.clone(),
            Known {
                version,
                endpoints: endpoints.clone(),
                checked: now,
            },
        );
        Ok(endpoints)
    }
}

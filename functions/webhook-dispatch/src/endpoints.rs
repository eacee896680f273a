//! Endpoints, kept between invocations.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use store::Store;

/// How long an endpoint is used without asking: the longest that a changed URL, a deletion or a
/// switch-off goes unnoticed by deliveries fanned out before it.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Most endpoints kept.
const MAX_ENDPOINTS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Endpoints(Mutex<HashMap<(NetworkId, EndpointId), Known>>);

#[derive(Debug, Clone)]
struct Known {
    endpoint: Option<Endpoint>,
    read_at: Timestamp,
}

impl Endpoints {
    /// The endpoint, at least as new as `version`; `None` when it was deleted.
    pub(crate) async fn find(
        &self,
        store: &Store,
        network: &NetworkId,
        id: EndpointId,
        version: u64,
        now: Timestamp,
    ) -> Result<Option<Endpoint>, store::Error> {
        let key = (network.clone(), id);
        if let Some(known) = self.known(&key)
            && now.since(known.read_at) < MAX_AGE
            && known
                .endpoint
                .as_ref()
                .is_some_and(|endpoint| endpoint.version >= version)
        {
            return Ok(known.endpoint);
        }
        let endpoint = store.endpoint(network, id).await?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_ENDPOINTS {
            all.clear();
        }
        all.insert(
            key,
            Known {
                endpoint: endpoint.clone(),
                read_at: now,
            },
        );
        Ok(endpoint)
    }

    fn known(&self, key: &(NetworkId, EndpointId)) -> Option<Known> {
        // A panic elsewhere cannot leave the map half-changed: each change is one insert or clear.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }
}

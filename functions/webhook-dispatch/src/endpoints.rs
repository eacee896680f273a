//! Endpoints and how they are doing, kept between invocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::address::AddressPolicy;
use domain::endpoint::Endpoint;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use domain::webhook_url::{OwnNames, WebhookUrl};
use store::{KnownHealth, Store};

/// How long an endpoint is used without asking: the longest that a changed URL, a deletion or a
/// switch-off goes unnoticed by deliveries fanned out before it, and that dispatchers know
/// different things of its health.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Most endpoints kept.
const MAX_ENDPOINTS: usize = 10_000;

type Id = (NetworkId, EndpointId);

#[derive(Debug)]
pub(crate) struct Endpoints {
    known: Mutex<HashMap<Id, Arc<Known>>>,
    policy: AddressPolicy,
    own_names: OwnNames,
}

/// What is known of one endpoint.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) endpoint: Endpoint,
    /// `None` when today's rules do not allow the endpoint's URL, whatever those said that it was
    /// saved under.
    pub(crate) url: Option<WebhookUrl>,
    read_at: Timestamp,
    health: Mutex<KnownHealth>,
    /// Held while its health is changed, so that a batch of failures is counted one by one instead
    /// of racing itself.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Known {
    pub(crate) fn health(&self) -> KnownHealth {
        // A panic elsewhere cannot leave it half-written: it is copied in one piece.
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn learn(&self, health: KnownHealth) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

impl Endpoints {
    /// None yet; their URLs are judged by the policy, and may not be Fanfare's own names.
    pub(crate) fn new(policy: AddressPolicy, own_names: OwnNames) -> Self {
        Self {
            known: Mutex::default(),
            policy,
            own_names,
        }
    }

    /// The endpoint, at least as new as `version`; `None` when it was deleted.
    pub(crate) async fn find(
        &self,
        store: &Store,
        network: &NetworkId,
        id: EndpointId,
        version: u64,
        now: Timestamp,
    ) -> Result<Option<Arc<Known>>, store::Error> {
        let key = (network.clone(), id);
        if let Some(known) = self.known(&key)
            && now.since(known.read_at) < MAX_AGE
            && known.endpoint.version >= version
        {
            return Ok(Some(known));
        }
        let (endpoint, health) = Box::pin(async {
            tokio::try_join!(store.endpoint(network, id), store.health(network, id))
        })
        .await?;
        let known = endpoint.map(|endpoint| {
            Arc::new(Known {
                url: self.allowed(&endpoint),
                endpoint,
                read_at: now,
                health: Mutex::new(health),
                changing: tokio::sync::Mutex::default(),
            })
        });
        self.keep(key, known.clone());
        Ok(known)
    }

    /// Reads it anew the next time: it was changed here.
    pub(crate) fn forget(&self, network: &NetworkId, id: EndpointId) {
        self.keep((network.clone(), id), None);
    }

    fn allowed(&self, endpoint: &Endpoint) -> Option<WebhookUrl> {
        let url = WebhookUrl::parse(&endpoint.url, self.policy).ok()?;
        self.own_names.check(&url).is_ok().then_some(url)
    }

    fn known(&self, key: &Id) -> Option<Arc<Known>> {
        // A panic elsewhere cannot leave the map half-changed: each change is one insert or clear.
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).cloned()
    }

    fn keep(&self, key: Id, known: Option<Arc<Known>>) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_ENDPOINTS {
            all.clear();
        }
        match known {
            Some(known) => all.insert(key, known),
            None => all.remove(&key),
        };
    }
}

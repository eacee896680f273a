//! Endpoints and how they are doing, kept between invocations.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::address::AddressPolicy;
use domain::endpoint::Endpoint;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use domain::webhook_url::{OwnNames, WebhookUrl};
use runtime::Kept;
use store::{KnownHealth, Store};

/// How long an endpoint is used for first tries without asking: the longest that a changed URL, a
/// deletion or a switch-off goes unnoticed by deliveries fanned out before it, and that dispatchers
/// know different things of its health.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Most endpoints kept.
const MAX_ENDPOINTS: usize = 10_000;

type Id = (NetworkId, EndpointId);

#[derive(Debug)]
pub(crate) struct Endpoints {
    /// `None` for a deleted one, which it stays.
    known: Kept<Id, Option<Arc<Known>>>,
    policy: AddressPolicy,
    own_names: OwnNames,
}

/// How new what is known of an endpoint must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newness {
    /// At least the endpoint's version that the message was made for.
    pub(crate) version: u64,
    /// Read then or later, for what is not to go to an endpoint as it was.
    pub(crate) since: Option<Timestamp>,
}

/// What is known of one endpoint.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) endpoint: Endpoint,
    /// `None` when today's rules do not allow the endpoint's URL, whatever those said that it was
    /// saved under.
    pub(crate) url: Option<WebhookUrl>,
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
            known: Kept::new(MAX_AGE, MAX_ENDPOINTS),
            policy,
            own_names,
        }
    }

    /// The endpoint, new enough; `None` when it was deleted. Of many who miss it one reads it.
    pub(crate) async fn find(
        &self,
        store: &Store,
        network: &NetworkId,
        id: EndpointId,
        newness: Newness,
        now: Timestamp,
    ) -> Result<Option<Arc<Known>>, store::Error> {
        let key = (network.clone(), id);
        let good = |asked: Timestamp, known: &Option<Arc<Known>>| {
            newness.since.is_none_or(|since| asked >= since)
                && known
                    .as_ref()
                    .is_none_or(|known| known.endpoint.version >= newness.version)
        };
        let read = || async {
            let (endpoint, health) =
                tokio::try_join!(store.endpoint(network, id), store.health(network, id))?;
            Ok(endpoint.map(|endpoint| {
                Arc::new(Known {
                    url: self.allowed(&endpoint),
                    endpoint,
                    health: Mutex::new(health),
                    changing: tokio::sync::Mutex::default(),
                })
            }))
        };
        let found = self.known.get_if(&key, now, good, read).await?;
        Ok(Option::clone(&found))
    }

    /// Reads it anew the next time: it was changed here.
    pub(crate) fn forget(&self, network: &NetworkId, id: EndpointId) {
        self.known.forget(&(network.clone(), id));
    }

    fn allowed(&self, endpoint: &Endpoint) -> Option<WebhookUrl> {
        let url = WebhookUrl::parse(&endpoint.url, self.policy).ok()?;
        self.own_names.check(&url).is_ok().then_some(url)
    }
}

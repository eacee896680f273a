//! What is asked of a network before each send.

use std::sync::Arc;

use domain::id::NetworkId;
use domain::push::settings::Settings;
use domain::time::Timestamp;
use store::{Credentials, Store};

use crate::Deps;

/// Settings and credentials, read together.
#[derive(Debug)]
pub(crate) struct Network {
    /// The master toggle. Settings that this release cannot read stop nothing that the fan-out,
    /// which could, let pass.
    pub(crate) enabled: bool,
    pub(crate) credentials: Credentials,
}

impl Network {
    /// At most a few seconds old.
    pub(crate) async fn of(
        deps: &Deps,
        network: &NetworkId,
        now: Timestamp,
    ) -> Result<Arc<Self>, store::Error> {
        let read = || Self::read(&deps.store, network);
        deps.networks.get_or(network, now, read).await
    }

    async fn read(store: &Store, network: &NetworkId) -> Result<Self, store::Error> {
        let (version, credentials) =
            tokio::try_join!(store.push_settings(network), store.credentials(network))?;
        let settings = version.draft.check();
        let enabled = match settings {
            Ok(Settings { enabled, .. }) => enabled,
            Err(_) => version.draft.enabled.unwrap_or(true),
        };
        Ok(Self {
            enabled,
            credentials,
        })
    }
}

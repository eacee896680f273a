//! What is asked of a network before each send.

use domain::id::NetworkId;
use domain::push::settings::Settings;
use store::{Credentials, Store};

/// Settings and credentials, read together.
#[derive(Debug)]
pub(crate) struct Network {
    /// The master toggle. Settings that this release cannot read stop nothing that the fan-out,
    /// which could, let pass.
    pub(crate) enabled: bool,
    pub(crate) credentials: Credentials,
}

impl Network {
    pub(crate) async fn read(store: &Store, network: &NetworkId) -> Result<Self, store::Error> {
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

//! What the gates ask of a network.

use domain::credential::Slot;
use domain::id::NetworkId;
use domain::push::gate::Credential;
use domain::push::settings::Settings;
use store::{Credentials, Store};

use crate::page::Error;

/// A network's settings and credentials, as they were read together.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) settings: Settings,
    credentials: Credentials,
}

impl Network {
    pub(crate) async fn read(store: &Store, network: &NetworkId) -> Result<Self, Error> {
        let (version, credentials) =
            tokio::try_join!(store.push_settings(network), store.credentials(network))?;
        let settings = version.draft.check();
        Ok(Self {
            settings: settings.map_err(|_| Error::Settings(version.version))?,
            credentials,
        })
    }

    pub(crate) fn credential(&self, slot: Slot) -> Credential {
        match self.credentials.in_slot(slot) {
            Some((active, _)) if active.paused.is_some() => Credential::Paused,
            Some(_) => Credential::Active,
            None => Credential::None,
        }
    }
}

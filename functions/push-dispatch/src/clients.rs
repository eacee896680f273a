//! Credentials put to use, one client each for as long as the process lives.

use credential::Credential;
use domain::credential::Record;
use domain::id::{CredentialId, NetworkId};
use domain::time::Timestamp;
use providers::{Client, Hosts};
use runtime::Kept;
use std::sync::Arc;
use std::time::Duration;
use vault::Vault;

/// A credential's material never changes, so its client is good for ever; this is when one that is
/// used no more is forgotten at the latest.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// A connection each.
const MAX_CLIENTS: usize = 256;

/// Why a credential cannot be put to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The material is missing or not what it says: no repetition helps.
    #[error("the credential's material is missing or unreadable")]
    Material,
}

#[derive(Debug)]
pub(crate) struct Clients {
    kept: Kept<(NetworkId, CredentialId), Client>,
    hosts: Hosts,
}

impl Clients {
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self {
            kept: Kept::new(MAX_AGE, MAX_CLIENTS),
            hosts,
        }
    }

    pub(crate) async fn of(
        &self,
        vault: &Vault,
        record: &Record,
        now: Timestamp,
    ) -> Result<Arc<Client>, Unusable> {
        let key = (record.network.clone(), record.id);
        let open = || async {
            let text = vault.credential(&record.network, record.id).await?;
            let text = text.ok_or(Unusable::Material)?;
            let credential = Credential::from_text(&text).ok_or(Unusable::Material)?;
            let environment = record.slot.environment();
            Client::new(&credential, environment, &self.hosts).map_err(|_| Unusable::Material)
        };
        self.kept.get_or(&key, now, open).await
    }
}

//! Secrets Manager: versions, staging labels, scheduled deletion.

mod catalogue;
mod error;
mod operations;
mod secret;
mod storage;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use operations::OPERATIONS;

use crate::ClockFn;
use crate::directory::{DataDirectory, OpenError};
use crate::journal::{Commit, Journal};
use error::{Code, SecretsError};
use secret::Secret;
use storage::{SecretChange, Secrets};

#[derive(Clone)]
pub(crate) struct SecretsManager {
    shared: Arc<Shared>,
}

struct Shared {
    clock: ClockFn,
    secrets: Mutex<Secrets>,
    journal: Journal<SecretChange>,
}

impl SecretsManager {
    pub(crate) fn open(
        directory: Option<&DataDirectory>,
        clock: ClockFn,
    ) -> Result<Self, OpenError> {
        let (secrets, journal) = match directory {
            Some(directory) => storage::open(directory)?,
            None => (Secrets::new(), Journal::memory()),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                clock,
                secrets: Mutex::new(secrets),
                journal,
            }),
        })
    }

    fn now_ms(&self) -> u64 {
        (self.shared.clock)()
    }

    /// The secrets that exist now: those whose scheduled deletion is due are gone.
    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        // A change replaces a secret as a whole, so a poisoned lock holds whole secrets.
        let mut secrets = self
            .shared
            .secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.now_ms();
        let due = |secret: &Secret| {
            secret
                .deletion
                .is_some_and(|deletion| deletion.due_ms <= now_ms)
        };
        let gone: Vec<String> = secrets
            .values()
            .filter(|secret| due(secret))
            .map(|secret| secret.name.clone())
            .collect();
        for name in gone {
            secrets.remove(&name);
            // After a crash the row is found due again, so nobody needs to wait for this.
            drop(self.shared.journal.record(vec![SecretChange::Drop(name)]));
        }
        secrets
    }

    /// Works on a copy of one secret, stores it when the work succeeds, and waits for the disk.
    async fn change<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Secret, u64) -> Result<T, SecretsError>,
    ) -> Result<T, SecretsError> {
        let (result, commit) = self.change_in_memory(id, work)?;
        commit.done().await?;
        Ok(result)
    }

    fn change_in_memory<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Secret, u64) -> Result<T, SecretsError>,
    ) -> Result<(T, Commit), SecretsError> {
        let mut secrets = self.secrets();
        let mut changed = find(&secrets, id)?.clone();
        let result = work(&mut changed, self.now_ms())?;
        let commit = self
            .shared
            .journal
            .record(vec![SecretChange::Put(Box::new(changed.clone()))]);
        secrets.insert(changed.name.clone(), changed);
        Ok((result, commit))
    }
}

/// By name, by ARN, or by the ARN without the six random letters.
fn find<'a>(secrets: &'a Secrets, id: &str) -> Result<&'a Secret, SecretsError> {
    let by_arn = || {
        secrets.values().find(|secret| {
            secret.arn == id
                || secret
                    .arn
                    .rsplit_once('-')
                    .is_some_and(|(short, _)| short == id)
        })
    };
    secrets
        .get(id)
        .or_else(by_arn)
        .ok_or_else(SecretsError::not_found)
}

/// The refusal of anything but describing and restoring a secret that waits for its deletion.
fn check_alive(secret: &Secret) -> Result<(), SecretsError> {
    if secret.deletion.is_none() {
        return Ok(());
    }
    let message =
        "You can't perform this operation on the secret because it was marked for deletion.";
    Err(SecretsError::new(Code::InvalidRequest, message))
}

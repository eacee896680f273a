#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod cache;
mod credential;
mod edit;
mod ring;
mod slots;
mod swap;

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use domain::endpoint::SecretRef;
use domain::id::{EndpointId, NetworkId};
use domain::signing::Key;
use domain::time::Timestamp;
use runtime::{NoTurn, Random};

use crate::cache::{Cache, Wanted};
use crate::ring::{Entry, Ring};
use crate::slots::Slots;
use crate::swap::Changed;

pub use crate::edit::Edit;
pub use crate::ring::{Headers, MAX_KEYS};

/// The rings of every network. Cheap to share behind a reference; keep one per process.
#[derive(Debug)]
pub struct Vault {
    client: Client,
    prefix: String,
    random: Random,
    cache: Cache,
    /// Who changes a ring, one after the other.
    lines: Slots<()>,
}

/// What an endpoint's webhooks are signed and sent with.
///
/// Shares what the cache holds, so that a delivery makes no copy of a secret.
#[derive(Clone)]
pub struct Material {
    entry: Arc<Entry>,
    now: Timestamp,
}

impl Material {
    /// The live keys, newest first; at least one.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.entry.live(self.now)
    }

    /// The values of its sensitive headers, by name.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.entry.headers
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Material(..)")
    }
}

/// Why secrets could not be read or changed. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Secrets Manager refused the call or did not answer in time.
    #[error("{operation} {name} was not answered by Secrets Manager")]
    Call {
        /// `creating`, `staging`, `publishing` or `reading`.
        operation: &'static str,
        /// The secret's name in Secrets Manager.
        name: String,
        /// The service's own error when it answered, else a few words; never the request.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The secret's text is not a key ring's JSON.
    #[error("key ring {name} holds something that is not a key ring")]
    Unreadable {
        /// The key ring's name in Secrets Manager.
        name: String,
    },
    /// No such key ring, or no version of this generation for the endpoint in it.
    #[error("key ring {name} has no secret of generation {generation} for {endpoint}")]
    Missing {
        /// The key ring's name in Secrets Manager.
        name: String,
        /// Whose secrets were asked for.
        endpoint: EndpointId,
        /// The generation that was asked for, from 1.
        generation: u64,
    },
    /// A rotation would leave more keys signing than [`MAX_KEYS`]; nothing was changed.
    #[error("{MAX_KEYS} keys sign for {endpoint} already")]
    TooManyKeys {
        /// Whose key was to be rotated.
        endpoint: EndpointId,
    },
    /// The change would pass 64 KiB, or Secrets Manager takes no further version for now.
    #[error("key ring {name} has no room for the change")]
    Full {
        /// The key ring's name in Secrets Manager.
        name: String,
    },
    /// Others changed the key ring before each of the tries; nothing was changed, and a repeat is
    /// safe.
    #[error("key ring {name} is being changed by too many writers at once")]
    Contended {
        /// The key ring's name in Secrets Manager.
        name: String,
        /// By this the API knows it.
        source: NoTurn,
    },
}

impl Vault {
    /// A vault with an empty cache; every key ring's name begins with `prefix`.
    #[must_use]
    pub fn new(client: Client, prefix: impl Into<String>, random: Random) -> Self {
        Self {
            client,
            prefix: prefix.into(),
            random,
            cache: Cache::default(),
            lines: Slots::default(),
        }
    }

    /// What an endpoint signs with at `now`, and its sensitive headers. No call while the cache is
    /// fresh enough.
    ///
    /// # Errors
    /// When Secrets Manager does not answer or has no such entry.
    pub async fn material(
        &self,
        network: &NetworkId,
        at: SecretRef,
        endpoint: EndpointId,
        now: Timestamp,
    ) -> Result<Material, Error> {
        let name = self.name(network, at.ring);
        let wanted = Wanted {
            endpoint,
            generation: at.generation,
        };
        // One reader at a time per miss: a batch that meets a cold ring makes one call, not ten.
        let read = || Box::pin(self.read(&name));
        let found = self.cache.find_or(&name, wanted, now, read).await?;
        let entry = found.ok_or(Error::Missing {
            name,
            endpoint,
            generation: at.generation,
        })?;
        Ok(Material { entry, now })
    }

    /// Stores what a new endpoint needs and tells where.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn add(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        key: &Key,
        headers: &Headers,
    ) -> Result<SecretRef, Error> {
        let entry = Arc::new(Entry::new(key.clone(), headers.clone()));
        self.place(network, endpoint, 0, entry).await
    }

    /// Makes a changed version of what `at` names, and tells where. Nobody uses it before the
    /// endpoint's record names it, so a change whose record is refused changed nothing.
    ///
    /// `at` is what the record named when it was last read: lower generations go, because whoever
    /// made one and did not write the record yet read the record before, and will be refused.
    /// When the ring has no room for the version, it is in another one and the old ring stays as it
    /// is: whose record names the new place [leaves](Self::leave) the old one, and whose record was
    /// refused [withdraws](Self::withdraw) from the new one.
    ///
    /// # Errors
    /// When Secrets Manager does not answer or has no such version, or too many keys would sign.
    pub async fn edit(
        &self,
        network: &NetworkId,
        at: SecretRef,
        endpoint: EndpointId,
        edit: &Edit<'_>,
    ) -> Result<SecretRef, Error> {
        let changed = self.change(network, at.ring, |ring| {
            let entry = ring.find(endpoint, at.generation);
            let entry = entry.ok_or_else(|| Error::Missing {
                name: self.name(network, at.ring),
                endpoint,
                generation: at.generation,
            })?;
            let edited = edit.apply(entry).ok_or(Error::TooManyKeys { endpoint })?;
            let edited = Arc::new(edited);
            ring.drop_before(endpoint, at.generation);
            let generation = ring.add(endpoint, at.generation, Arc::clone(&edited));
            Ok((generation, edited))
        });
        match changed.await? {
            Changed::Done((generation, _)) => Ok(SecretRef { generation, ..at }),
            Changed::Full((generation, edited)) => {
                let after = self.far_beyond(generation);
                self.place(network, endpoint, after, edited).await
            }
        }
    }

    /// A number for what moves to another ring: far above all that its old ring gives, and never
    /// given before, so that a ring in somebody's cache has no other version under it, not even one
    /// that was withdrawn.
    fn far_beyond(&self, generation: u64) -> u64 {
        let beyond = (generation >> 32).saturating_add(1) << 32;
        beyond | u64::from(u32::from_be_bytes(self.random.bytes()))
    }

    /// Puts a version into the first ring with room, under a generation higher than `after`.
    async fn place(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        after: u64,
        entry: Arc<Entry>,
    ) -> Result<SecretRef, Error> {
        let mut ring = 0;
        loop {
            let added = self.change(network, ring, |ring| {
                Ok(ring.add(endpoint, after, Arc::clone(&entry)))
            });
            match added.await? {
                Changed::Done(generation) => return Ok(SecretRef { ring, generation }),
                Changed::Full(_) => ring += 1,
            }
        }
    }

    /// Forgets what an edit left at its old place, once the endpoint's record names the new one. A
    /// ring that takes no change today keeps it until the endpoint's next move.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn leave(
        &self,
        network: &NetworkId,
        (before, after): (SecretRef, SecretRef),
        endpoint: EndpointId,
    ) -> Result<(), Error> {
        if before.ring != after.ring {
            // Not what came back to it since.
            let left = self.change(network, before.ring, |ring| {
                ring.drop_before(endpoint, after.generation);
                Ok(())
            });
            left.await?;
        }
        Ok(())
    }

    /// Takes back a version that an edit put into another ring, and whose record was refused.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn withdraw(
        &self,
        network: &NetworkId,
        made: SecretRef,
        endpoint: EndpointId,
    ) -> Result<(), Error> {
        let withdrawn = self.change(network, made.ring, |ring| {
            ring.drop_one(endpoint, made.generation);
            Ok(())
        });
        withdrawn.await?;
        Ok(())
    }

    /// Forgets an endpoint's keys.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn remove(
        &self,
        network: &NetworkId,
        at: SecretRef,
        endpoint: EndpointId,
    ) -> Result<(), Error> {
        let removed = self.change(network, at.ring, |ring| {
            ring.remove(endpoint);
            Ok(())
        });
        match removed.await? {
            Changed::Done(()) => Ok(()),
            // Not silently: the key is still there.
            Changed::Full(()) => Err(Error::Full {
                name: self.name(network, at.ring),
            }),
        }
    }

    /// Forgets all that any ring has of these endpoints, whatever of it was ever in use.
    ///
    /// # Errors
    /// When Secrets Manager does not answer, or takes no change of a ring today.
    pub async fn forget(&self, network: &NetworkId, endpoints: &[EndpointId]) -> Result<(), Error> {
        let mut number = 0;
        while !endpoints.is_empty() {
            let name = self.name(network, number);
            let Some((ring, _)) = self.read_version(&name).await? else {
                break;
            };
            if endpoints.iter().any(|endpoint| ring.has(*endpoint)) {
                let forgotten = self.change(network, number, |ring| {
                    endpoints.iter().for_each(|endpoint| ring.remove(*endpoint));
                    Ok(())
                });
                if let Changed::Full(()) = forgotten.await? {
                    return Err(Error::Full { name });
                }
            }
            number += 1;
        }
        Ok(())
    }

    async fn read(&self, name: &str) -> Result<Ring, Error> {
        Ok(self
            .read_version(name)
            .await?
            .map(|(ring, _)| ring)
            .unwrap_or_default())
    }

    fn name(&self, network: &NetworkId, ring: u32) -> String {
        format!("{}webhooks/{network}/{ring}", self.prefix)
    }

    /// Secrets Manager wants 32 to 64 characters.
    fn token(&self) -> String {
        domain::base32::encode(&self.random.bytes::<32>())
    }
}

fn call<E: std::error::Error + Send + Sync + 'static>(
    operation: &'static str,
    name: &str,
    error: SdkError<E>,
) -> Error {
    // The service's own error never repeats the secret; the SDK's outer error may hold the raw
    // request, so it is not kept.
    let source: Box<dyn std::error::Error + Send + Sync> = match error {
        SdkError::ServiceError(context) => Box::new(context.into_err()),
        SdkError::TimeoutError(_) => "no answer in time".into(),
        SdkError::DispatchFailure(_) => "no connection".into(),
        SdkError::ConstructionFailure(_) | SdkError::ResponseError(_) | _ => {
            "no usable answer".into()
        }
    };
    Error::Call {
        operation,
        name: name.to_owned(),
        source,
    }
}

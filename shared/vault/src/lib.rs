#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod cache;
mod credential;
mod edit;
mod ring;

use std::sync::{Mutex, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use std::sync::Arc;

use domain::endpoint::SecretRef;
use domain::id::{EndpointId, NetworkId};
use domain::signing::Key;
use domain::time::Timestamp;
use runtime::Random;
use zeroize::Zeroizing;

use crate::cache::{Cache, Wanted};
use crate::ring::{Entry, Ring};

pub use crate::edit::Edit;
pub use crate::ring::Headers;

/// How often a writer begins again after losing to another. Ten writers at once need ten rounds.
const MAX_ROUNDS: u32 = 40;

/// The rings of every network. Cheap to share behind a reference; keep one per process.
#[derive(Debug)]
pub struct Vault {
    client: Client,
    prefix: String,
    random: Random,
    cache: Cache,
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
    /// No such key ring, or no entry for the endpoint in it that is new enough.
    #[error("key ring {name} has no secret of generation {generation} for {endpoint}")]
    Missing {
        /// The key ring's name in Secrets Manager.
        name: String,
        /// Whose secrets were asked for.
        endpoint: EndpointId,
        /// The oldest generation that would have done, from 1.
        generation: u64,
    },
    /// The change would pass 64 KiB, or Secrets Manager takes no further version for now.
    #[error("key ring {name} has no room for the change")]
    Full {
        /// The key ring's name in Secrets Manager.
        name: String,
    },
    /// The change lost to another writer 40 times in a row.
    #[error("key ring {name} is being changed by too many writers at once")]
    Contended {
        /// The key ring's name in Secrets Manager.
        name: String,
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
        let entry = Entry::new(1, key.clone(), headers.clone());
        self.place(network, endpoint, entry, None).await
    }

    /// Changes an endpoint's entry and tells where it is now; the generation grows. When its ring has
    /// no room for the change, the changed entry is in another ring, and the one it was made from
    /// stays where it is: whose record then names the new place removes the old one, and whose record
    /// could not be written, the new one.
    ///
    /// # Errors
    /// When Secrets Manager does not answer or has no such entry.
    pub async fn edit(
        &self,
        network: &NetworkId,
        at: SecretRef,
        endpoint: EndpointId,
        edit: &Edit<'_>,
    ) -> Result<SecretRef, Error> {
        let edited = Mutex::new(None);
        let changed = self.change(network, at.ring, |ring| {
            let mut seen = None;
            if let Some(entry) = ring.get_mut(endpoint) {
                // A change whose record was never written may have left a later one behind.
                entry.generation = entry.generation.max(at.generation).saturating_add(1);
                edit.apply(entry);
                seen = Some(entry.clone());
            }
            *edited.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        });
        let changed = changed.await?;
        let edited = edited.into_inner().unwrap_or_else(PoisonError::into_inner);
        let entry = edited.ok_or_else(|| Error::Missing {
            name: self.name(network, at.ring),
            endpoint,
            generation: at.generation,
        })?;
        match changed {
            Changed::Done => Ok(SecretRef {
                generation: entry.generation,
                ..at
            }),
            Changed::Full => self.place(network, endpoint, entry, Some(edit)).await,
        }
    }

    /// Puts an entry into the first ring with room, or the edit it comes from onto what another
    /// writer put there meanwhile.
    async fn place(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        entry: Entry,
        edit: Option<&Edit<'_>>,
    ) -> Result<SecretRef, Error> {
        let mut ring = 0;
        loop {
            let placed = Mutex::new(entry.generation);
            let changed = self.change(network, ring, |ring| {
                let there = ring.get_mut(endpoint);
                let later = there.filter(|there| there.generation >= entry.generation);
                let generation = match (later, edit) {
                    (Some(there), Some(edit)) => {
                        there.generation = there.generation.saturating_add(1);
                        edit.apply(there);
                        there.generation
                    }
                    (Some(_) | None, None) | (None, Some(_)) => {
                        ring.put(endpoint, entry.clone());
                        entry.generation
                    }
                };
                *placed.lock().unwrap_or_else(PoisonError::into_inner) = generation;
            });
            match changed.await? {
                Changed::Done => {
                    let generation = placed.into_inner();
                    let generation = generation.unwrap_or_else(PoisonError::into_inner);
                    return Ok(SecretRef { ring, generation });
                }
                Changed::Full => ring += 1,
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
            self.change(network, before.ring, |ring| ring.remove(endpoint))
                .await?;
        }
        Ok(())
    }

    /// Undoes a move, `made` by an edit whose record was not written: unless someone changed the
    /// entry after it.
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
            let there = ring.get_mut(endpoint);
            if there.is_some_and(|there| there.generation == made.generation) {
                ring.remove(endpoint);
            }
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
        let removed = self.change(network, at.ring, |ring| ring.remove(endpoint));
        match removed.await? {
            Changed::Done => Ok(()),
            // Not silently: the key is still there.
            Changed::Full => Err(Error::Full {
                name: self.name(network, at.ring),
            }),
        }
    }

    async fn change(
        &self,
        network: &NetworkId,
        number: u32,
        edit: impl Fn(&mut Ring),
    ) -> Result<Changed, Error> {
        let name = self.name(network, number);
        for round in 0..MAX_ROUNDS {
            let read = self.read_version(&name).await?;
            let mut ring = read
                .as_ref()
                .map(|(ring, _)| ring.clone())
                .unwrap_or_default();
            edit(&mut ring);
            let text = ring.to_text();
            if text.len() > ring::MAX_BYTES {
                return Ok(Changed::Full);
            }
            let written = match read {
                None => self.create(&name, text).await?,
                Some((_, version)) => self.swap(&name, &version, text).await?,
            };
            match written {
                Written::Done => return Ok(Changed::Done),
                Written::NoRoom => return Ok(Changed::Full),
                // A little randomness, so that writers that met once do not meet again.
                Written::Lost => {
                    let pause = self.random.fraction() * f64::from(round.min(10)) * 0.01;
                    tokio::time::sleep(std::time::Duration::from_secs_f64(pause)).await;
                }
            }
        }
        Err(Error::Contended { name })
    }

    async fn create(&self, name: &str, text: Zeroizing<String>) -> Result<Written, Error> {
        let sent = self
            .client
            .create_secret()
            .name(name)
            .description("Fanfare webhook signing secrets")
            .client_request_token(self.token())
            .secret_string(text.as_str())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Written::Done),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(CreateSecretError::ResourceExistsException(_))
                ) =>
            {
                Ok(Written::Lost)
            }
            Err(error) => Err(call("creating", name, error)),
        }
    }

    async fn swap(
        &self,
        name: &str,
        current: &str,
        text: Zeroizing<String>,
    ) -> Result<Written, Error> {
        let staged = self
            .client
            .put_secret_value()
            .secret_id(name)
            .client_request_token(self.token())
            .secret_string(text.as_str())
            .version_stages("AWSPENDING")
            .send()
            .await;
        let version = match staged {
            Ok(staged) => staged.version_id.unwrap_or_default(),
            // Secrets Manager keeps about 100 versions a day: begin the next ring.
            Err(error) if error.code() == Some("LimitExceededException") => {
                return Ok(Written::NoRoom);
            }
            Err(error) => return Err(call("staging", name, error)),
        };
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage("AWSCURRENT")
            // The race: this is refused unless the version we read is still the current one.
            .remove_from_version_id(current)
            .move_to_version_id(version)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(Written::Done),
            Err(error) if error.code() == Some("InvalidParameterException") => Ok(Written::Lost),
            Err(error) => Err(call("publishing", name, error)),
        }
    }

    async fn read(&self, name: &str) -> Result<Ring, Error> {
        Ok(self
            .read_version(name)
            .await?
            .map(|(ring, _)| ring)
            .unwrap_or_default())
    }

    async fn read_version(&self, name: &str) -> Result<Option<(Ring, String)>, Error> {
        let found = match self.client.get_secret_value().secret_id(name).send().await {
            Ok(found) => found,
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(GetSecretValueError::ResourceNotFoundException(_))
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(call("reading", name, error)),
        };
        let text = Zeroizing::new(found.secret_string.unwrap_or_default());
        let ring = Ring::from_text(&text).ok_or_else(|| Error::Unreadable {
            name: name.to_owned(),
        })?;
        Ok(Some((ring, found.version_id.unwrap_or_default())))
    }

    fn name(&self, network: &NetworkId, ring: u32) -> String {
        format!("{}webhooks/{network}/{ring}", self.prefix)
    }

    /// Secrets Manager wants 32 to 64 characters.
    fn token(&self) -> String {
        domain::base32::encode(&self.random.bytes::<32>())
    }
}

enum Changed {
    Done,
    Full,
}

enum Written {
    Done,
    /// Another writer was first.
    Lost,
    NoRoom,
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

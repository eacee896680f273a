//! Changing a ring by compare-and-swap.

use std::time::Duration;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::id::NetworkId;
use runtime::{NoTurn, Tries};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::ring::{self, Ring};
use crate::{Error, Vault, call};

/// How long a change waits for its turn: the record that is written next may have to wait too, and an
/// API function has twenty seconds for both.
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) enum Changed<T> {
    Done(T),
    /// There is no room for it; nothing was changed.
    Full(T),
}

enum Written {
    Done,
    /// Another writer was first.
    Lost,
    NoRoom,
}

impl Vault {
    /// Gives what `edit` made; its error ends the change.
    ///
    /// Changes of one process to one ring wait in line, so that it never races itself; those of others
    /// meet, and whoever loses tries again.
    pub(crate) async fn change<T>(
        &self,
        network: &NetworkId,
        number: u32,
        edit: impl Fn(&mut Ring) -> Result<T, Error>,
    ) -> Result<Changed<T>, Error> {
        let name = self.name(network, number);
        let contended = |source| Error::Contended {
            name: name.clone(),
            source,
        };
        let end = Instant::now() + PATIENCE;
        let line = self.lines.of(&name);
        let turn = timeout_at(end, line.lock()).await;
        let _turn = turn.map_err(|_| contended(NoTurn))?;
        let mut tries = Tries::new(Some(&self.random));
        loop {
            let read = self.read_version(&name).await?;
            let (ring, version) = read.unzip();
            let mut ring = ring.unwrap_or_default();
            let before = ring.to_text();
            let made = edit(&mut ring)?;
            let text = ring.to_text();
            if text == before {
                return Ok(Changed::Done(made));
            }
            if text.len() > ring::MAX_BYTES {
                return Ok(Changed::Full(made));
            }
            let written = match version {
                None => self.create(&name, text).await?,
                Some(version) => self.swap(&name, &version, text).await?,
            };
            match written {
                Written::Done => return Ok(Changed::Done(made)),
                Written::NoRoom => return Ok(Changed::Full(made)),
                Written::Lost => {
                    let waited = timeout_at(end, tries.again()).await;
                    waited.unwrap_or(Err(NoTurn)).map_err(contended)?;
                }
            }
        }
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

    pub(crate) async fn read_version(&self, name: &str) -> Result<Option<(Ring, String)>, Error> {
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
}

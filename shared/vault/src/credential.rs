//! Push credentials: a secret each, read once per process and activation.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::id::{CredentialId, NetworkId};
use zeroize::Zeroizing;

use crate::{Error, Vault, call};

impl Vault {
    /// Keeps a credential's material. `text` is its whole text.
    ///
    /// # Errors
    /// When Secrets Manager does not answer, or has a secret of this id.
    pub async fn keep_credential(
        &self,
        network: &NetworkId,
        id: CredentialId,
        text: &str,
    ) -> Result<(), Error> {
        let name = self.credential_name(network, id);
        self.client
            .create_secret()
            .name(&name)
            .description("Fanfare push credential")
            .client_request_token(self.token())
            .secret_string(text)
            .send()
            .await
            .map_err(|error| call("creating", &name, error))?;
        Ok(())
    }

    /// A credential's text; `None` when there is none of this id. Not cached: who sends keeps what
    /// was made of it.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn credential(
        &self,
        network: &NetworkId,
        id: CredentialId,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let name = self.credential_name(network, id);
        let sent = self.client.get_secret_value().secret_id(&name).send().await;
        match sent {
            Ok(found) => Ok(found.secret_string.map(Zeroizing::new)),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(call("reading", &name, error)),
            },
        }
    }

    /// Lets a credential's secret go. Secrets Manager keeps it for seven days, in which an operator
    /// can bring it back.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn forget_credential(
        &self,
        network: &NetworkId,
        id: CredentialId,
    ) -> Result<(), Error> {
        let name = self.credential_name(network, id);
        self.client
            .delete_secret()
            .secret_id(&name)
            .recovery_window_in_days(7)
            .send()
            .await
            .map_err(|error| call("deleting", &name, error))?;
        Ok(())
    }

    fn credential_name(&self, network: &NetworkId, id: CredentialId) -> String {
        format!("{}push/{network}/{id}", self.prefix)
    }
}

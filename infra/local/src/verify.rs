//! What a receiver checks: both signatures, with code that is not Fanfare's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha2::Sha256;
use standardwebhooks::Webhook;

/// Why a message is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("webhook-signature: {0}")]
    Standard(#[from] standardwebhooks::WebhookError),
    #[error("x-amity-signature is missing or wrong")]
    Amity,
}

/// Checks messages of one endpoint.
pub(crate) struct Verifier {
    standard: Webhook,
    /// social.plus receivers use the secret's text itself as the key.
    text: String,
}

impl Verifier {
    pub(crate) fn new(secret: &str) -> Result<Self, Untrusted> {
        Ok(Self {
            standard: Webhook::new(secret)?,
            text: secret.to_owned(),
        })
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Untrusted> {
        self.standard.verify(body, headers)?;
        let given = headers.get("x-amity-signature").ok_or(Untrusted::Amity)?;
        let given = STANDARD
            .decode(given.as_bytes())
            .map_err(|_| Untrusted::Amity)?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.text.as_bytes()).map_err(|_| Untrusted::Amity)?;
        mac.update(body);
        mac.verify_slice(&given).map_err(|_| Untrusted::Amity)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

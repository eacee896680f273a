//! Signing keys.

use domain::endpoint::Published;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoint::PublicKeyBody;

/// A rotation. An empty body rotates with the defaults.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// How long the former keys sign beside the new one: 0 to 604,800; 86,400 if absent.
    #[serde(default)]
    #[schema(maximum = 604_800)]
    pub(crate) grace_seconds: Option<u64>,
    /// Moves the endpoint to `hmac` or `ed25519`, through the same grace. As before if absent.
    #[serde(default)]
    pub(crate) signing: Option<String>,
    /// A secret you have already, for `hmac` only.
    #[serde(default)]
    pub(crate) secret: Option<String>,
}

/// The outcome of a rotation. A shared secret is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotatedSecret {
    pub(crate) endpoint_id: String,
    /// `hmac` or `ed25519`.
    pub(crate) signing: &'static str,
    /// Absent for `ed25519`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    pub(crate) secret: Option<String>,
    /// Newest first; empty for `hmac` unless a former pair still signs.
    pub(crate) public_keys: Vec<PublicKeyBody>,
    /// When the former keys stop signing.
    #[schema(format = DateTime)]
    pub(crate) former_keys_sign_until: String,
}

/// A JSON Web Key Set, RFC 7517 §5.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonWebKeys {
    /// Newest first.
    pub(crate) keys: Vec<JsonWebKey>,
}

/// An Ed25519 public key, RFC 8037 §2.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonWebKey {
    /// `OKP`
    pub(crate) kty: &'static str,
    /// `Ed25519`
    pub(crate) crv: &'static str,
    /// `EdDSA`
    pub(crate) alg: &'static str,
    /// `sig`
    #[serde(rename = "use")]
    pub(crate) usage: &'static str,
    /// RFC 7638 thumbprint.
    pub(crate) kid: String,
    pub(crate) x: String,
}

impl JsonWebKey {
    pub(crate) fn of(published: &Published) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: published.key.thumbprint(),
            x: published.key.jwk_x(),
        }
    }
}

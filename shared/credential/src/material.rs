//! Usable material. Wiped from memory when dropped, and silent in `Debug`.

use std::fmt;

use domain::credential::{Kind, Provider};
use zeroize::Zeroizing;

/// What a provider is convinced with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// APNs, by TLS client certificate.
    ApnsCertificate(ApnsCertificate),
    /// APNs, by signed tokens.
    ApnsToken(ApnsToken),
    /// Firebase Cloud Messaging.
    Fcm(ServiceAccount),
    /// Baidu Cloud Push.
    Baidu(KeyPair),
}

/// A client certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApnsCertificate {
    /// DER, the leaf first, each issued by the next.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's key.
    pub key: PrivateKey,
    /// The bundle id, as `apns-topic` when a push names none.
    pub topic: String,
}

/// A key that signs provider tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApnsToken {
    /// On the curve P-256.
    pub key: PrivateKey,
    /// `kid` of the token's header.
    pub key_id: String,
    /// `iss` of its claims.
    pub team_id: String,
    /// The bundle id, as `apns-topic` when a push names none.
    pub topic: String,
}

/// A Google service account. Its file's `token_uri` is checked and then forgotten: tokens are asked
/// for at Google's address only, or an uploaded file could aim our requests anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Part of the path of every request.
    pub project_id: String,
    /// `iss` of the assertion.
    pub client_email: String,
    /// `kid` of its header, when the file names one.
    pub key_id: Option<String>,
    /// RSA.
    pub key: PrivateKey,
}

/// A Baidu application's keys.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Sent with each request.
    pub api_key: String,
    /// Signs each request, and is never sent.
    pub secret_key: Zeroizing<String>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

/// A private key as PKCS#8 DER.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// The bytes are taken as they are; who needs a certain kind of key says so when it parses them.
    #[must_use]
    pub fn from_pkcs8(der: Zeroizing<Vec<u8>>) -> Self {
        Self(der)
    }

    /// PKCS#8 DER: to sign with, never to show.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

impl Credential {
    /// Whom it convinces.
    #[must_use]
    pub fn provider(&self) -> Provider {
        match self {
            Self::ApnsCertificate(_) | Self::ApnsToken(_) => Provider::Apns,
            Self::Fcm(_) => Provider::Fcm,
            Self::Baidu(_) => Provider::Baidu,
        }
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::ApnsCertificate(_) => Kind::Certificate,
            Self::ApnsToken(_) => Kind::SigningKey,
            Self::Fcm(_) => Kind::ServiceAccount,
            Self::Baidu(_) => Kind::KeyPair,
        }
    }
}

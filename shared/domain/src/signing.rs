//! Webhook signatures.
//!
//! An endpoint signs with a shared secret or with an Ed25519 key pair. While a rotation's grace
//! lasts it has several live keys, and every one of them signs, newest first, so a receiver
//! verifies with whichever it has.

mod key_pair;
mod secret;

pub use key_pair::{KeyPair, PublicKey};
pub use secret::Secret;

use crate::id::EventId;
use crate::time::Timestamp;

/// How an endpoint's webhooks are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// HMAC-SHA256 with a shared secret: `v1`.
    #[default]
    Hmac,
    /// Ed25519: `v1a`.
    Ed25519,
}

impl Scheme {
    /// What the API and the store call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Ed25519 => "ed25519",
        }
    }

    /// `None` for any other word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Hmac, Self::Ed25519]
            .into_iter()
            .find(|scheme| scheme.word() == word)
    }
}

/// A key that signs. `Debug` shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Shared with the receiver.
    Secret(Secret),
    /// Ours alone; the receiver has the public half.
    Pair(KeyPair),
}

impl Key {
    /// From 32 random bytes.
    #[must_use]
    pub fn generate(scheme: Scheme, random: [u8; 32]) -> Self {
        match scheme {
            Scheme::Hmac => Self::Secret(Secret::generate(random)),
            Scheme::Ed25519 => Self::Pair(KeyPair::generate(random)),
        }
    }

    /// From `whsec_…` or `whsk_…`; `None` when it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = Secret::parse(text).map(Self::Secret);
        secret.or_else(|| KeyPair::parse(text).map(Self::Pair))
    }

    /// The text form, for the vault.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Secret(secret) => secret.expose(),
            Self::Pair(pair) => pair.expose(),
        }
    }

    /// Which kind of signature it makes.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Secret(_) => Scheme::Hmac,
            Self::Pair(_) => Scheme::Ed25519,
        }
    }

    /// The shared secret, if it is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::Pair(_) => None,
        }
    }

    /// The public key, if there is one.
    #[must_use]
    pub fn public(&self) -> Option<PublicKey> {
        match self {
            Self::Secret(_) => None,
            Self::Pair(pair) => Some(pair.public()),
        }
    }

    fn sign(&self, id: &EventId, at: Timestamp, body: &[u8]) -> String {
        match self {
            Self::Secret(secret) => secret.sign(id, at, body),
            Self::Pair(pair) => pair.sign(id, at, body),
        }
    }
}

/// The value of `webhook-signature`: one entry per live key, separated by spaces.
#[must_use]
pub fn signatures<'a>(
    keys: impl IntoIterator<Item = &'a Key>,
    id: &EventId,
    at: Timestamp,
    body: &[u8],
) -> String {
    let each: Vec<_> = keys.into_iter().map(|key| key.sign(id, at, body)).collect();
    each.join(" ")
}

/// The value of `x-amity-signature`. It has room for one signature, so the oldest live secret makes it:
/// while a rotation's grace lasts, that is the one which the receiver has for certain. `keys` come
/// newest first; `None` when no live key is a shared secret.
#[must_use]
pub fn amity_signature<'a>(keys: impl IntoIterator<Item = &'a Key>, body: &[u8]) -> Option<String> {
    let oldest = keys.into_iter().filter_map(Key::secret).last()?;
    Some(oldest.sign_amity(body))
}

/// Standard Webhooks: the signed content is `msg_id.timestamp.payload`.
fn signed_content<'a>(id: &'a EventId, stamp: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
    [id.as_str().as_bytes(), b".", stamp.as_bytes(), b".", body]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_live_key_signs_and_the_public_libraries_verify(
            key: [u8; 32], old: [u8; 32], pair: [u8; 32], id in "[A-Za-z0-9_:-]{1,40}", body in ".{0,200}"
        ) {
            // The library checks the timestamp against the real clock, so sign for "now".
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
            let at = Timestamp::from_millis(now * 1000);
            let secret = Secret::generate(key);
            let id = EventId::parse(&id).unwrap();
            let keys = [
                Key::generate(Scheme::Ed25519, pair),
                Key::Secret(Secret::generate(old)),
                Key::Secret(secret.clone()),
            ];
            let value = signatures(&keys, &id, at, body.as_bytes());

            let mut headers = http::HeaderMap::new();
            headers.insert("webhook-id", id.as_str().parse().unwrap());
            headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
            headers.insert("webhook-signature", value.parse().unwrap());
            let library = standardwebhooks::Webhook::new(secret.expose()).unwrap();
            prop_assert!(library.verify(body.as_bytes(), &headers).is_ok());
            let other = standardwebhooks::Webhook::new(Secret::generate([0; 32]).expose()).unwrap();
            prop_assert!(key == [0; 32] || old == [0; 32] || other.verify(body.as_bytes(), &headers).is_err());

            let signature = STANDARD.decode(value.split(' ').next().unwrap().strip_prefix("v1a,").unwrap()).unwrap();
            let public = VerifyingKey::from_bytes(keys[0].public().unwrap().bytes()).unwrap();
            let content = format!("{id}.{now}.{body}");
            prop_assert!(public.verify(content.as_bytes(), &Signature::from_slice(&signature).unwrap()).is_ok());

            prop_assert_eq!(amity_signature(&keys, b"{}"), Some(secret.sign_amity(b"{}")));
            prop_assert_eq!(amity_signature(&keys[..1], b"{}"), None);
        }
    }

    #[test]
    fn keys_come_back_from_their_text() {
        for scheme in [Scheme::Hmac, Scheme::Ed25519] {
            let key = Key::generate(scheme, [3; 32]);
            assert_eq!(Key::parse(key.expose()), Some(key.clone()));
            assert_eq!(
                (key.scheme(), Scheme::parse(scheme.word())),
                (scheme, Some(scheme))
            );
        }
        assert_eq!(
            (Key::parse("whpk_AAAA"), Scheme::parse("rsa")),
            (None, None)
        );
    }
}

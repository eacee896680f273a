//! Judging an upload.

use aws_lc_rs::digest::{SHA256, digest};
use domain::credential::{Environment, Facts, Fingerprint, Kind, days_left};
use domain::time::Timestamp;

use crate::material::Credential;
use crate::verdict::Verdict;

mod fcm;
mod p12;
mod p8;
mod pem;

/// Most bytes of a file. A certificate with its key and chain has 3,000 to 8,000.
pub const MAX_FILE: usize = 64 * 1024;

/// Most bytes of a password, in UTF-8.
pub const MAX_PASSWORD: usize = 1024;

/// Days before the end at which an upload is accepted with a warning.
const SOON: i64 = 30;

/// What was uploaded. Silent in `Debug`.
pub enum Upload<'a> {
    /// A client certificate for APNs.
    Certificate {
        /// PKCS#12.
        file: &'a [u8],
        /// Of the file; may be empty.
        password: &'a str,
        /// The application, if the certificate is for several.
        bundle_id: Option<&'a str>,
    },
    /// A signing key for APNs.
    SigningKey {
        /// PKCS#8 in PEM.
        file: &'a [u8],
        /// Of the key.
        key_id: &'a str,
        /// Of the key's owner.
        team_id: &'a str,
        /// The application.
        bundle_id: &'a str,
    },
    /// The JSON of a Google service account.
    ServiceAccount {
        /// As downloaded.
        json: &'a str,
    },
    /// The keys of a Baidu application.
    KeyPair {
        /// Sent with each request.
        api_key: &'a str,
        /// Never sent.
        secret_key: &'a str,
    },
}

impl std::fmt::Debug for Upload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upload(..)")
    }
}

/// An upload that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// The material.
    pub credential: Credential,
    /// What it says about itself.
    pub facts: Facts,
    /// What its owner should know.
    pub warnings: Vec<Verdict>,
}

/// Judges an upload that is to serve `environment`.
///
/// # Errors
/// Every verdict, warnings included, when one of them refuses it. At least one does then.
pub fn judge(
    upload: &Upload<'_>,
    environment: Environment,
    now: Timestamp,
) -> Result<Good, Vec<Verdict>> {
    let mut verdicts = Vec::new();
    let found = match *upload {
        Upload::Certificate {
            file,
            password,
            bundle_id,
        } => p12::judge(file, password, bundle_id, environment, now, &mut verdicts),
        Upload::SigningKey {
            file,
            key_id,
            team_id,
            bundle_id,
        } => p8::judge(file, key_id, team_id, bundle_id, &mut verdicts),
        Upload::ServiceAccount { json } => fcm::judge(json, &mut verdicts),
        Upload::KeyPair {
            api_key,
            secret_key,
        } => key_pair(api_key, secret_key, &mut verdicts),
    };
    match found {
        Some((credential, facts)) if !verdicts.iter().any(Verdict::refuses) => Ok(Good {
            credential,
            facts,
            warnings: verdicts,
        }),
        Some(_) | None => Err(verdicts),
    }
}

fn key_pair(
    api_key: &str,
    secret_key: &str,
    verdicts: &mut Vec<Verdict>,
) -> Option<(Credential, Facts)> {
    let good = |key: &str| {
        (8..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if !good(api_key) {
        verdicts.push(Verdict::BadApiKey);
    }
    if !good(secret_key) {
        verdicts.push(Verdict::BadSecretKey);
    }
    verdicts.push(Verdict::Unverified);
    let pair = crate::KeyPair {
        api_key: api_key.to_owned(),
        secret_key: zeroize::Zeroizing::new(secret_key.to_owned()),
    };
    let both = zeroize::Zeroizing::new(format!("{api_key}\0{secret_key}"));
    let facts = facts(Kind::KeyPair, both.as_bytes());
    Some((Credential::Baidu(pair), facts))
}

/// Facts that say nothing yet but what the material is; `named` is what tells it from others.
fn facts(kind: Kind, named: &[u8]) -> Facts {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, named).as_ref());
    Facts {
        kind,
        bundle_id: None,
        team_id: None,
        key_id: None,
        project_id: None,
        topics: Vec::new(),
        environments: Environment::ALL.to_vec(),
        expires: None,
        fingerprint: Fingerprint::from_bytes(bytes),
    }
}

/// RFC 1034 labels with dots between, as Apple takes them.
fn is_bundle_id(text: &str) -> bool {
    (1..=155).contains(&text.len())
        && text.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn ends_soon(expires: Timestamp, now: Timestamp) -> Option<Verdict> {
    let days = days_left(expires, now);
    (days < SOON).then_some(Verdict::EndsSoon { days })
}

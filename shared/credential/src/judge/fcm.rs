//! Google service accounts.

use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use domain::credential::{Facts, Kind};
use serde::Deserialize;
use zeroize::Zeroize as _;

use super::{MAX_FILE, facts, pem};
use crate::material::{Credential, PrivateKey, ServiceAccount};
use crate::verdict::Verdict;

/// Where Google has told service accounts to ask for tokens, now and formerly. It is never asked
/// for at an address from a file; a file with another one was tampered with.
const TOKEN_URIS: [&str; 2] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
];

/// The fields that are needed, of the many there are.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

impl Drop for File {
    fn drop(&mut self) {
        self.private_key.zeroize();
    }
}

pub(super) fn judge(json: &str, verdicts: &mut Vec<Verdict>) -> Option<(Credential, Facts)> {
    // Server keys began so; the still older ones of GCM were plain API keys of Google.
    let bare = json.trim().trim_matches('"');
    if bare.starts_with("AAAA") || bare.starts_with("AIza") {
        verdicts.push(Verdict::OldServerKey);
        return None;
    }
    let parsed = serde_json::from_str(json).ok();
    let file: Option<File> = parsed.filter(|file: &File| file.kind == "service_account");
    let Some(file) = file.filter(|_| json.len() <= MAX_FILE) else {
        verdicts.push(Verdict::NotServiceAccount);
        return None;
    };
    if !is_project_id(&file.project_id) {
        verdicts.push(Verdict::BadProjectId);
    }
    if !is_email(&file.client_email) {
        verdicts.push(Verdict::BadClientEmail);
    }
    let token_uri = file.token_uri.as_deref();
    if token_uri.is_some_and(|uri| !TOKEN_URIS.contains(&uri)) {
        verdicts.push(Verdict::ForeignTokenUri);
    }
    let key = pem::private_key(&file.private_key);
    let pair = key
        .as_ref()
        .and_then(|key| RsaKeyPair::from_pkcs8(key).ok());
    let (Some(key), Some(pair)) = (key, pair) else {
        verdicts.push(Verdict::BadPrivateKey);
        return None;
    };
    let facts = Facts {
        project_id: Some(file.project_id.clone()),
        ..facts(Kind::ServiceAccount, pair.public_key().as_ref())
    };
    let account = ServiceAccount {
        project_id: file.project_id.clone(),
        client_email: file.client_email.clone(),
        key_id: file.private_key_id.clone(),
        key: PrivateKey::from_pkcs8(key),
    };
    Some((Credential::Fcm(account), facts))
}

/// Google Cloud, "project ID": part of a URL, so nothing else may be in it.
fn is_project_id(text: &str) -> bool {
    (6..=30).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_email(text: &str) -> bool {
    text.len() <= 320
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

//! The form in which a credential lies in the vault: one JSON object, tagged with its kind.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::material::{
    ApnsCertificate, ApnsToken, Credential, KeyPair, PrivateKey, ServiceAccount,
};

/// Room for any credential, so that the text is never moved while it is written: a moved text
/// leaves a copy behind that nobody wipes.
const CAPACITY: usize = 128 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum Wire {
    ApnsCertificate {
        topic: String,
        chain: Vec<String>,
        key: String,
    },
    ApnsToken {
        topic: String,
        team_id: String,
        key_id: String,
        key: String,
    },
    Fcm {
        project_id: String,
        client_email: String,
        key_id: Option<String>,
        key: String,
    },
    Baidu {
        api_key: String,
        key: String,
    },
}

impl Drop for Wire {
    fn drop(&mut self) {
        match self {
            Self::ApnsCertificate { key, .. }
            | Self::ApnsToken { key, .. }
            | Self::Fcm { key, .. }
            | Self::Baidu { key, .. } => key.zeroize(),
        }
    }
}

impl Credential {
    /// The whole credential, for the vault and for nobody else.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let wire = match self {
            Self::ApnsCertificate(of) => Wire::ApnsCertificate {
                topic: of.topic.clone(),
                chain: of.chain.iter().map(|der| STANDARD.encode(der)).collect(),
                key: STANDARD.encode(of.key.pkcs8()),
            },
            Self::ApnsToken(of) => Wire::ApnsToken {
                topic: of.topic.clone(),
                team_id: of.team_id.clone(),
                key_id: of.key_id.clone(),
                key: STANDARD.encode(of.key.pkcs8()),
            },
            Self::Fcm(of) => Wire::Fcm {
                project_id: of.project_id.clone(),
                client_email: of.client_email.clone(),
                key_id: of.key_id.clone(),
                key: STANDARD.encode(of.key.pkcs8()),
            },
            Self::Baidu(of) => Wire::Baidu {
                api_key: of.api_key.clone(),
                key: of.secret_key.as_str().to_owned(),
            },
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY));
        // Texts only: serialising them into memory cannot fail.
        let _written = serde_json::to_writer(&mut *bytes, &wire);
        let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
        text.push_str(std::str::from_utf8(&bytes).unwrap_or_default());
        text
    }

    /// Reads what [`to_text`](Self::to_text) writes; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        Some(match &wire {
            Wire::ApnsCertificate { topic, chain, key } => Self::ApnsCertificate(ApnsCertificate {
                chain: chain
                    .iter()
                    .map(|der| STANDARD.decode(der).ok())
                    .collect::<Option<_>>()?,
                key: read_key(key)?,
                topic: topic.clone(),
            }),
            Wire::ApnsToken {
                topic,
                team_id,
                key_id,
                key,
            } => Self::ApnsToken(ApnsToken {
                key: read_key(key)?,
                key_id: key_id.clone(),
                team_id: team_id.clone(),
                topic: topic.clone(),
            }),
            Wire::Fcm {
                project_id,
                client_email,
                key_id,
                key,
            } => Self::Fcm(ServiceAccount {
                project_id: project_id.clone(),
                client_email: client_email.clone(),
                key_id: key_id.clone(),
                key: read_key(key)?,
            }),
            Wire::Baidu { api_key, key } => Self::Baidu(KeyPair {
                api_key: api_key.clone(),
                secret_key: Zeroizing::new(key.clone()),
            }),
        })
    }
}

fn read_key(text: &str) -> Option<PrivateKey> {
    STANDARD
        .decode(text)
        .ok()
        .map(|der| PrivateKey::from_pkcs8(Zeroizing::new(der)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::from_pkcs8(Zeroizing::new(b"private bytes".to_vec()))
    }

    #[test]
    fn each_kind_comes_back_whole_and_shows_nothing() {
        let all = [
            Credential::ApnsCertificate(ApnsCertificate {
                chain: vec![vec![1, 2], vec![3]],
                key: key(),
                topic: "com.example.app".to_owned(),
            }),
            Credential::ApnsToken(ApnsToken {
                key: key(),
                key_id: "ABC123DEFG".to_owned(),
                team_id: "TEAM123456".to_owned(),
                topic: "com.example.app".to_owned(),
            }),
            Credential::Fcm(ServiceAccount {
                project_id: "example".to_owned(),
                client_email: "push@example.iam.gserviceaccount.com".to_owned(),
                key_id: None,
                key: key(),
            }),
            Credential::Baidu(KeyPair {
                api_key: "public".to_owned(),
                secret_key: Zeroizing::new("private bytes".to_owned()),
            }),
        ];
        for credential in all {
            let text = credential.to_text();
            assert_eq!(Credential::from_text(&text), Some(credential.clone()));
            let shown = format!("{credential:?}");
            assert!(!shown.contains("private"), "{shown}");
            assert!(
                !shown.contains(&format!("{:?}", b"private bytes")),
                "{shown}"
            );
        }
        for nothing in ["", "{}", "{\"kind\":\"apnsToken\"}", "[]"] {
            assert_eq!(Credential::from_text(nothing), None, "{nothing}");
        }
    }
}

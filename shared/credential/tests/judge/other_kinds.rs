//! Signing keys, service accounts and key pairs.

use credential::{Credential, Good, Upload, Verdict, judge};
use domain::credential::{Environment, Kind};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use crate::made::{BUNDLE, refusals, rules, today};

fn judged(upload: &Upload<'_>) -> Result<Good, Vec<Verdict>> {
    judge(upload, Environment::Production, today())
}

#[test]
fn a_signing_key_comes_with_its_names() {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    let upload = |file: &str, key_id: &str, team_id: &str, bundle_id: &str| {
        judged(&Upload::SigningKey {
            file: file.as_bytes(),
            key_id,
            team_id,
            bundle_id,
        })
    };
    let good = upload(&pem, "ABC123DEFG", "TEAM123456", BUNDLE);
    assert_eq!(rules(&good), (vec![], vec!["never_expires"]));
    let good = good.unwrap();
    assert_eq!(
        (good.facts.expires, good.facts.kind),
        (None, Kind::SigningKey)
    );
    assert_eq!(good.facts.key_id.as_deref(), Some("ABC123DEFG"));
    assert_eq!(good.facts.environments.len(), 2);

    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)
        .unwrap()
        .serialize_pem();
    let sec1 = pem.replace("PRIVATE KEY", "EC PRIVATE KEY");
    let cut = pem.replace("-----END", "");
    let public = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----";
    for bad in [p384.as_str(), &sec1, &cut, public, "", "\u{0}"] {
        assert_eq!(
            refusals(&upload(bad, "ABC123DEFG", "TEAM123456", BUNDLE)),
            ["not_p8"]
        );
    }
    for (key_id, team_id, bundle_id, expected) in [
        ("abc123defg", "TEAM123456", BUNDLE, vec!["bad_key_id"]),
        (
            "ABC123DEF",
            "TEAM12345",
            BUNDLE,
            vec!["bad_key_id", "bad_team_id"],
        ),
        (
            "ABC123DEFG",
            "TEAM123456",
            "com..app",
            vec!["bad_bundle_id"],
        ),
        (
            "ABC123DEFG",
            "TEAM123456",
            "com.exa/mple",
            vec!["bad_bundle_id"],
        ),
    ] {
        assert_eq!(
            refusals(&upload(&pem, key_id, team_id, bundle_id)),
            expected
        );
    }
}

#[test]
fn a_service_account_is_judged_and_its_token_uri_goes_nowhere() {
    let pem = KeyPair::generate_for(&PKCS_RSA_SHA256)
        .unwrap()
        .serialize_pem();
    let file = json!({
        "type": "service_account",
        "project_id": "example-project",
        "private_key_id": "0123",
        "private_key": pem,
        "client_email": "push@example-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    });
    let upload = |json: &str| judged(&Upload::ServiceAccount { json });
    let good = upload(&file.to_string());
    assert_eq!(rules(&good), (vec![], vec![]));
    let good = good.unwrap();
    assert_eq!(good.facts.project_id.as_deref(), Some("example-project"));
    let Credential::Fcm(account) = &good.credential else {
        panic!("no service account");
    };
    assert_eq!(account.key_id.as_deref(), Some("0123"));
    assert!(!good.credential.to_text().contains("oauth2"));

    let elliptic = KeyPair::generate().unwrap().serialize_pem();
    for (field, value, expected) in [
        ("type", json!("authorized_user"), "not_service_account"),
        ("type", Value::Null, "not_service_account"),
        ("project_id", json!("../x"), "bad_project_id"),
        ("project_id", json!("Upper-Case"), "bad_project_id"),
        ("client_email", json!("nobody"), "bad_client_email"),
        ("private_key", json!(elliptic), "bad_private_key"),
        ("private_key", json!("secret"), "bad_private_key"),
        (
            "token_uri",
            json!("https://evil.example/token"),
            "foreign_token_uri",
        ),
        (
            "token_uri",
            json!("https://oauth2.googleapis.com.evil.example/token"),
            "foreign_token_uri",
        ),
    ] {
        let mut changed = file.clone();
        changed[field] = value;
        assert_eq!(
            refusals(&upload(&changed.to_string())),
            [expected],
            "{field}"
        );
    }
    for key in [
        "AAAAabcdefg:APA91bExample",
        " \"AAAAx:y\" ",
        "AIzaSyExample",
    ] {
        let judged = upload(key);
        assert_eq!(refusals(&judged), ["old_server_key"]);
        assert!(judged.unwrap_err()[0].to_string().contains("July 2024"));
    }
    for nothing in ["", "{}", "[]", r#"{"project_info":{}}"#] {
        assert_eq!(refusals(&upload(nothing)), ["not_service_account"]);
    }
}

#[test]
fn a_key_pair_is_taken_at_its_word_with_a_warning() {
    let upload = |api_key: &str, secret_key: &str| {
        judged(&Upload::KeyPair {
            api_key,
            secret_key,
        })
    };
    let good = upload("aBcDeFgH12345678", "sEcReT0123456789");
    assert_eq!(rules(&good), (vec![], vec!["unverified"]));
    let other = upload("aBcDeFgH12345678", "sEcReT0123456780");
    assert_ne!(
        good.unwrap().facts.fingerprint,
        other.unwrap().facts.fingerprint
    );
    assert_eq!(
        refusals(&upload("", "a b")),
        ["bad_api_key", "bad_secret_key"]
    );
}

#[test]
fn a_verdict_never_repeats_what_was_uploaded() {
    let secret = "s3cr3t-v4lue";
    let uploads = [
        Upload::Certificate {
            file: secret.as_bytes(),
            password: secret,
            bundle_id: Some(secret),
        },
        Upload::SigningKey {
            file: secret.as_bytes(),
            key_id: secret,
            team_id: secret,
            bundle_id: secret,
        },
        Upload::ServiceAccount { json: secret },
        Upload::KeyPair {
            api_key: secret,
            secret_key: secret,
        },
    ];
    for upload in &uploads {
        let verdicts = judged(upload).unwrap_err();
        let told: Vec<_> = verdicts
            .iter()
            .map(|one| format!("{one} {one:?}"))
            .collect();
        assert!(!told.join("\n").contains(secret), "{told:?}");
        assert!(!format!("{upload:?}").contains(secret));
    }
}

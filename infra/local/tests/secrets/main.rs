//! What is secret is in the secrets store, and in nothing else that a demo shows or leaves behind.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

mod demo;
mod search;

use credential::Credential;
use local::P12_PASSWORD;
use serde_json::Value;

use demo::Demo;
use search::Search;

#[tokio::test]
async fn nothing_of_a_push_credential_is_shown_or_stored_but_in_the_secrets_store() {
    let demo = Demo::run(&["--push", "--events", "12"]);
    let mut search = Search::default();
    search.text("the password of the .p12 files", P12_PASSWORD);
    let mut kinds = Vec::new();
    for text in demo.secrets("/push/").await {
        let credential = Credential::from_text(&text).unwrap();
        kinds.push(credential.kind().word());
        match &credential {
            Credential::ApnsCertificate(of) => {
                search.key("the key of a .p12 file", elliptic(of.key.pkcs8()));
            }
            Credential::Fcm(of) => {
                search.key("the key of the service account", rsa(of.key.pkcs8()));
            }
            Credential::Baidu(of) => {
                search.text("Baidu's API key", &of.api_key);
                search.text("Baidu's secret key", &of.secret_key);
            }
            Credential::ApnsToken(of) => {
                search.key("the key of a .p8 file", elliptic(of.key.pkcs8()));
            }
        }
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["keyPair", "p12", "p12", "p8", "serviceAccount"]);

    let places = demo.places().await;
    // They were looked at while everything was said and done in them.
    for (place, seen) in [
        ("answers", "\"daysToExpiry\":"),
        ("answers", "\"rule\":\"wrong_password\""),
        ("log", "CertificateActivated"),
        ("log", "CredentialPaused"),
        ("rows", "com.example.fanfare-demo"),
        ("table.db", "com.example.fanfare-demo"),
        ("queues.db-wal", "move 3"),
        ("report", "\"accepted\":18"),
    ] {
        let there = places.iter().any(|(name, content)| {
            name == place && String::from_utf8_lossy(content).contains(seen)
        });
        assert!(there, "{seen} in {place}");
    }
    for (name, content) in &places {
        let found = search.find(content);
        assert_eq!(found, None, "{name} holds what it must not");
    }
    assert!(search.find(&demo.secrets_store()).is_some(), "it is there");
    for token in (0..18)
        .map(|n| format!("{n:064x}"))
        .chain((0..16).map(|n| format!("phone:{n}")))
    {
        assert!(!demo.log.contains(&token), "the log names a device token");
    }
}

#[tokio::test]
async fn nothing_of_a_signing_secret_is_shown_or_stored_but_when_it_is_made() {
    let demo = Demo::run(&["--events", "10", "--endpoints", "2"]);
    let mut search = Search::default();
    let mut shown = 0;
    for answer in demo.answers.lines() {
        let Some((call, body)) = answer.split_once(" answered 201 ") else {
            continue;
        };
        assert_eq!(call, "POST /webhooks");
        let body: Value = serde_json::from_str(body).unwrap();
        search.text("a secret as it was shown", body["secret"].as_str().unwrap());
        shown += 1;
    }
    assert_eq!(shown, 2);
    for (name, content) in demo.places().await {
        // Shown once, to whoever made the endpoint.
        let content = if name == "answers" {
            let others = demo.answers.lines();
            let others = others.filter(|line| !line.starts_with("POST /webhooks answered 201 "));
            others.collect::<Vec<_>>().join("\n").into_bytes()
        } else {
            content
        };
        assert_eq!(search.find(&content), None, "{name} holds what it must not");
    }
}

/// The scalar of a P-256 key in PKCS#8: the point beside it is public.
fn elliptic(pkcs8: &[u8]) -> &[u8] {
    // RFC 5915: version 1, then 32 bytes.
    let at = after(pkcs8, &[2, 1, 1, 4, 32]);
    &pkcs8[at..at + 32]
}

/// Exponent and primes of an RSA key in PKCS#8: modulus and 65537 before them are public.
fn rsa(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[after(pkcs8, &[2, 3, 1, 0, 1])..]
}

fn after(der: &[u8], mark: &[u8]) -> usize {
    let at = der.windows(mark.len()).position(|here| here == mark);
    at.unwrap() + mark.len()
}

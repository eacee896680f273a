//! `v1a`: endpoints that sign with a key pair.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use local::Options;
use serde_json::{Value, json};
use testkit::Receiver;

use crate::harness::Fanfare;

/// What a receiver does: the entries `v1a` of the header, and the keys that it was published.
fn verifies(keys: &[VerifyingKey], id: &str, at: &str, signatures: &str, body: &str) -> bool {
    let content = format!("{id}.{at}.{body}");
    let entries = signatures
        .split(' ')
        .filter_map(|entry| entry.strip_prefix("v1a,"));
    let mut signatures = entries.map(|entry| {
        let bytes = STANDARD.decode(entry).unwrap();
        Signature::from_slice(&bytes).unwrap()
    });
    signatures.any(|signature| {
        let mut keys = keys.iter();
        keys.any(|key| key.verify_strict(content.as_bytes(), &signature).is_ok())
    })
}

fn key(bytes: Vec<u8>) -> VerifyingKey {
    VerifyingKey::from_bytes(&bytes.try_into().unwrap()).unwrap()
}

/// Standard Webhooks, "Asymmetric signatures".
#[test]
fn the_published_vector_verifies() {
    let public = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let keys = [key(STANDARD.decode(public).unwrap())];
    let signature = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
    assert!(verifies(
        &keys,
        id,
        at,
        signature,
        r#"{"test": 2432232314}"#
    ));
    assert!(!verifies(
        &keys,
        id,
        at,
        signature,
        r#"{"test": 2432232315}"#
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_verify_with_the_published_keys_through_a_rotation() {
    let fanfare = Fanfare::start(Options::ephemeral()).await;
    let receiver = Receiver::accepting().await;
    let wanted = json!({ "url": receiver.url(), "signing": "ed25519" });
    let made = fanfare.call("POST", "/webhooks", &wanted).await;
    let id = made["id"].as_str().unwrap();
    let published = async || {
        let set = fanfare.public(&format!("/v1/jwks/demo/{id}")).await;
        let keys = set["keys"].as_array().unwrap().iter().map(|jwk| {
            assert_eq!(
                (&jwk["kty"], &jwk["crv"]),
                (&json!("OKP"), &json!("Ed25519"))
            );
            key(URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap())
        });
        keys.collect::<Vec<_>>()
    };
    let event = json!({ "event": "a.b", "data": { "n": 1 } });
    let check = |webhook: &testkit::Received, keys: &[VerifyingKey]| {
        let body = std::str::from_utf8(&webhook.body).unwrap();
        let (at, signatures) = (
            webhook.header("webhook-timestamp"),
            webhook.header("webhook-signature"),
        );
        let tampered = body.replace('1', "2");
        assert!(!verifies(keys, webhook.id(), at, signatures, &tampered));
        assert!(!verifies(keys, "evt_other", at, signatures, body));
        verifies(keys, webhook.id(), at, signatures, body)
    };
    let first = published().await;
    assert_eq!(first.len(), 1);
    assert!(check(&fanfare.deliver(&receiver, &event).await, &first));

    fanfare
        .call(
            "POST",
            &format!("/webhooks/{id}/secret/rotations"),
            &json!({}),
        )
        .await;
    let both = published().await;
    assert_eq!((both.len(), both[1]), (2, first[0]));
    let during = fanfare.deliver(&receiver, &event).await;
    assert!(
        check(&during, &both[..1]) && check(&during, &first),
        "either key is enough"
    );
    fanfare
        .call(
            "DELETE",
            &format!("/webhooks/{id}/secret/previous"),
            &Value::Null,
        )
        .await;
    let after = fanfare.deliver(&receiver, &event).await;
    assert!(check(&after, &both[..1]) && !check(&after, &first));
    assert_eq!(published().await, both[..1]);
    fanfare.stop().await;
}

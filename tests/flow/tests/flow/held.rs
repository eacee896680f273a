//! What is said of a push that waits must be true of it.

use std::time::Duration;

use domain::credential::{Environment, Provider};
use serde_json::json;
use testkit::{ManualClock, push_certificate};

use crate::phones::{phone, slot};
use crate::retry::{START, fanfare_at};

#[tokio::test(flavor = "multi_thread")]
async fn a_held_push_says_what_it_waits_for_now() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    for (user, digit) in [("ann", 'a'), ("bob", 'b')] {
        fanfare.ios(user, &phone(digit)).await;
    }
    fanfare.phones().place(&phone('a'), Environment::Sandbox);
    let push = json!({ "targetIds": ["ann"], "params": {} });
    let event = fanfare.push(push).await;
    fanfare.in_state(&event, "held", 1).await;
    let said = |why: &serde_json::Value| why["devices"][0]["explanation"].to_string();
    let doubt = said(&fanfare.why(&event, "ann").await);
    assert!(doubt.contains("BadDeviceToken"), "{doubt}");

    // Somebody else's push finds out that the credential is at fault altogether.
    fanfare.phones().expire_certificate(fingerprint);
    let push = json!({ "targetIds": ["bob"], "params": {} });
    let found = fanfare.push(push).await;
    fanfare.in_state(&found, "held", 1).await;
    let fault = said(&fanfare.why(&found, "bob").await);
    assert!(fault.contains("CertificateExpired"), "{fault}");
    clock.advance(Duration::from_secs(6));
    fanfare.system.embedded().sqs().tick();
    let path = format!("/explain?event={event}&user=ann");
    fanfare
        .until(&path, |answer| said(&answer.body) == fault)
        .await;
    fanfare.system.stop().await;
}

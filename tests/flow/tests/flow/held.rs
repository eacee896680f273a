//! What is said of a push that waits, and of its credential, must be true.

use std::time::Duration;

use domain::credential::{Environment, Provider};
use domain::id::{EventId, NetworkId};
use domain::operational::News;
use domain::time::Timestamp;
use serde_json::json;
use store::{ActiveSlot, Owed};
use testkit::{ManualClock, push_certificate};

use crate::harness::Fanfare;
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

/// Who activates has read the slot before that, and writes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_activation_loses_no_doubt_that_is_written_down_meanwhile() {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    let read = fanfare.activate(slot(Provider::Apns), &apple).await;
    let (store, network) = (fanfare.store(), NetworkId::parse("demo").unwrap());
    let known = store.credentials(&network).await.unwrap();
    let (_, of) = known.in_slot(read.slot).unwrap();
    let at = Timestamp::from_millis(START);
    let doubt = |id: &str| Owed {
        id: EventId::parse(id).unwrap(),
        news: News::device_guarded(of, (3, 0), "BadDeviceToken", "it may be the wrong one"),
        at,
    };
    let (first, again) = (doubt("evt_first"), doubt("evt_again"));
    let guarded = store.guard_slot(&network, read.slot, read.version, &first);
    assert!(guarded.await.unwrap());
    let guarded = store.guard_slot(&network, read.slot, read.version, &again);
    assert!(!guarded.await.unwrap(), "it is told once");

    let next = ActiveSlot::activated(of, Some(&read), at);
    let activated = store.activate_credential(of, Some(&read), &next).await;
    assert!(!activated.unwrap(), "it would be lost");
    let known = store.credentials(&network).await.unwrap();
    let (read, _) = known.in_slot(read.slot).unwrap();
    let next = ActiveSlot::activated(of, Some(read), at);
    let activated = store.activate_credential(of, Some(read), &next).await;
    assert!(activated.unwrap());
    let known = store.credentials(&network).await.unwrap();
    let (active, _) = known.in_slot(read.slot).unwrap();
    assert_eq!((active.guarded, &active.owed), (false, &vec![first]));
    fanfare.system.stop().await;
}

//! What is said of a credential must not keep its pushes waiting, and must be true of those that wait.

use std::time::Duration;

use domain::credential::{Environment, Provider};
use domain::id::{EventId, NetworkId};
use domain::operational::News;
use domain::time::Timestamp;
use serde_json::json;
use simulator::{Fault, Target};
use store::{Owed, Paused};
use testkit::{ManualClock, push_certificate};

use crate::harness::Answer;
use crate::phones::{phone, slot, until_later};
use crate::retry::{START, fanfare_at};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_does_not_wait_for_news_of_its_credential_that_no_queue_takes() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    let active = fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    // On its way through all queues but the last.
    let trouble = Fault::refuse(503, "ServiceUnavailable");
    fanfare.phones().script(Target::Apns, None, 1, trouble);
    let push = json!({ "targetIds": ["ann"], "params": {} });
    let event = fanfare.push(push).await;
    let waiting = |answer: &Answer| answer.body["items"][0]["attempts"] == 1;
    fanfare
        .until(&format!("/events/{event}/pushes"), waiting)
        .await;

    // The credential failed and was replaced, and the process that noticed told nobody.
    let network = NetworkId::parse("demo").unwrap();
    let why = Paused {
        reason: "Forbidden".to_owned(),
        explanation: "Apple forbids this to the credential".to_owned(),
        at: Timestamp::from_millis(START),
    };
    let known = fanfare.store().credentials(&network).await.unwrap();
    let (_, of) = known.in_slot(active.slot).unwrap();
    let failed = Owed {
        id: EventId::parse("evt_failed").unwrap(),
        news: News::credential_failed(of, &why.reason, &why.explanation),
        at: why.at,
    };
    let store = fanfare.store();
    let noticed = store.pause_slot(&network, active.slot, active.version, (&why, &failed));
    assert!(noticed.await.unwrap());
    let (fresh, _) = push_certificate(&[1, 2], (2020, 2090));
    let active = fanfare.activate(active.slot, &fresh).await;
    assert_eq!(active.owed, [failed]);

    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap();
    let gone = sqs.delete_queue().queue_url(queue).send().await;
    gone.unwrap();
    until_later(&fanfare, &clock, 100, || fanfare.phones().delivered() == 1).await;
    fanfare.in_state(&event, "sent", 1).await;

    // Once there is a queue again, the message that is received again tells it, and sends nothing.
    let name = queue.rsplit('/').next().unwrap();
    sqs.create_queue().queue_name(name).send().await.unwrap();
    let untold = async || {
        let known = store.credentials(&network).await.unwrap();
        let (active, _) = known.in_slot(active.slot).unwrap();
        !active.owed.is_empty()
    };
    for _ in 0..200 {
        if !untold().await {
            break;
        }
        clock.advance(Duration::from_secs(100));
        fanfare.system.embedded().sqs().tick();
        fanfare.system.embedded().sqs().idle().await;
    }
    assert!(!untold().await, "it was never told");
    assert_eq!(fanfare.phones().delivered(), 1);
    fanfare.system.stop().await;
}

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

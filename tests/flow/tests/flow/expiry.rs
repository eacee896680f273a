//! What ends is warned of, at each threshold once, with time driven by the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::credential::WARN_DAYS;
use domain::id::{EndpointId, NetworkId};
use local::{Options, Schedules};
use runtime::Clock;
use serde_json::{Value, json};
use store::Store;
use telemetry::Telemetry;
use testkit::{ManualClock, Receiver};

use crate::certificates::{apns, p12_until};
use crate::harness::Fanfare;
use crate::retry::{START, fanfare_at};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Thresholds that a receiver was told of, by what ends, in order.
fn told(receiver: &Receiver) -> BTreeMap<String, Vec<u64>> {
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for received in receiver.received() {
        let body: Value = serde_json::from_slice(&received.body).unwrap();
        let days = body["data"]["thresholdDays"].as_u64().unwrap();
        told.entry(body["event"].as_str().unwrap().to_owned())
            .or_default()
            .push(days);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn each_threshold_of_credentials_and_receivers_certificates_is_told_once() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let news = ["credential.expiring", "endpoint.certificate-expiring"];
    fanfare.endpoint(&receiver.url(), &news).await;

    let ends = clock.now().after(DAY * 65 + DAY / 2);
    let credential = fanfare.uploaded(&apns(&p12_until(ends))).await;
    // As the dispatcher notes what it saw at the handshake.
    let (watched, _) = fanfare
        .endpoint("https://hooks.example.com/", &["a.b"])
        .await;
    let (gone, _) = fanfare
        .endpoint("https://gone.example.com/", &["a.b"])
        .await;
    let table = fanfare.system.template().tables[0].name.clone();
    let store = Store::new(fanfare.system.aws().dynamodb(), table);
    let network = NetworkId::parse("demo").unwrap();
    for endpoint in [&watched, &gone] {
        let id = EndpointId::parse(endpoint).unwrap();
        store.note_certificate(&network, id, ends).await.unwrap();
    }
    let deleted = format!("/webhooks/{gone}");
    fanfare
        .call(&fanfare.admin(), "DELETE", &deleted, "", &[])
        .await;

    let mut expected = 0;
    for day in 1..=70_u64 {
        clock.advance(DAY);
        // Twice a day, so that "once" does not hang on the schedule.
        fanfare.system.run_schedule("CertExpiry").await.unwrap();
        fanfare.system.run_schedule("CertExpiry").await.unwrap();
        let left = Duration::from_secs(65 * 24 * 3600 + 12 * 3600)
            .saturating_sub(DAY * u32::try_from(day).unwrap());
        let reached = WARN_DAYS
            .iter()
            .filter(|days| left <= DAY * u32::from(**days))
            .count();
        if 2 * reached > expected {
            expected = 2 * reached;
            fanfare.system.embedded().sqs().tick();
            receiver.wait_for(expected).await;
            // A day is longer than any message stays invisible, and one still there would come again.
            fanfare.system.embedded().sqs().idle().await;
        }
    }
    let thresholds: Vec<u64> = WARN_DAYS.map(u64::from).to_vec();
    assert_eq!(
        told(&receiver),
        news.map(|name| (name.to_owned(), thresholds.clone()))
            .into()
    );
    assert!(store.expiry_watches().await.unwrap().is_empty());

    let last = receiver.received().into_iter().rev().find_map(|received| {
        let body: Value = serde_json::from_slice(&received.body).unwrap();
        (body["event"] == "credential.expiring").then(|| body["data"].clone())
    });
    let last = last.unwrap();
    assert_eq!(last["certificateId"], credential["/certificates/".len()..]);
    assert_eq!(
        (&last["active"], &last["daysToExpiry"]),
        (&json!(false), &json!(-1))
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_of_a_receiver_begins_anew_and_missed_thresholds_are_one_warning() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    fanfare
        .endpoint(&receiver.url(), &["endpoint.certificate-expiring"])
        .await;
    let (watched, _) = fanfare
        .endpoint("https://hooks.example.com/", &["a.b"])
        .await;
    let id = EndpointId::parse(&watched).unwrap();
    let table = fanfare.system.template().tables[0].name.clone();
    let store = Store::new(fanfare.system.aws().dynamodb(), table);
    let network = NetworkId::parse("demo").unwrap();
    for (made, days) in [(1, 5), (2, 40), (3, 10)] {
        let ends = clock.now().after(DAY * days);
        store.note_certificate(&network, id, ends).await.unwrap();
        for _ in 0..3 {
            fanfare.system.run_schedule("CertExpiry").await.unwrap();
        }
        fanfare.system.embedded().sqs().tick();
        receiver.wait_for(made).await;
    }
    let told = told(&receiver);
    assert_eq!(told["endpoint.certificate-expiring"], [7, 60, 14]);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_that_a_push_credential_has_left_are_a_metric_of_its_own() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let fanfare = Fanfare::with(Options {
        telemetry: Telemetry::to(move |_, line| sink.lock().unwrap().push(line.to_owned())),
        schedules: Schedules::OnDemand,
        ..Options::ephemeral()
    })
    .await;
    let ends = Clock::system().now().after(DAY * 40 + DAY / 2);
    let credential = fanfare.uploaded(&apns(&p12_until(ends))).await;
    fanfare.system.run_schedule("CertExpiry").await.unwrap();
    let lines = lines.lock().unwrap().clone();
    let lines = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let checked: Vec<_> = lines
        .filter(|line| line["event"] == "CredentialChecked")
        .collect();
    assert_eq!(checked.len(), 1, "{checked:?}");
    assert_eq!(
        (
            &checked[0]["credential_id"],
            &checked[0]["credential_days_to_expiry"]
        ),
        (&json!(credential["/certificates/".len()..]), &json!(40))
    );
    let metric = &checked[0]["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(metric["Dimensions"], json!([["network", "credential_id"]]));
    fanfare.system.stop().await;
}

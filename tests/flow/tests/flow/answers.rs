//! What follows from a single answer: also from half of one, and from one that ends an endpoint.

use std::time::Duration;

use domain::delivery::State;
use domain::id::{DeliveryId, NetworkId};
use serde_json::{Value, json};
use testkit::{ManualClock, Receiver, Scripted};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{Answer, Fanfare};
use crate::retry::{START, advance, fanfare_at};
use crate::sending::made;

/// Announces a hundred bytes, sends four and hangs up.
async fn breaking_off(status: &'static str, header: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            // Webhooks end with their JSON object.
            while !asked.ends_with(b"}") && stream.read_buf(&mut asked).await.unwrap() > 0 {}
            let answer = format!("HTTP/1.1 {status}\r\n{header}content-length: 100\r\n\r\nhalf");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

async fn attempted(fanfare: &Fanfare, endpoint: &str) -> Value {
    let path = format!("/webhooks/{endpoint}/deliveries");
    let tried = fanfare.until(&path, |a| a.body["items"][0]["attemptCount"] == 1);
    tried.await.body["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_says_as_much_as_a_whole_one() {
    let fanfare = Fanfare::start().await;
    for (status, header, expected) in [
        ("410 Gone", "", "disabled"),
        ("500 No", "webhook-delivery: disable\r\n", "disabled"),
        ("500 No", "webhook-delivery: abort-message\r\n", "dead"),
        ("429 Slow", "retry-after: 300\r\n", "open"),
    ] {
        let url = breaking_off(status, header).await;
        let (endpoint, _) = fanfare.endpoint(&url, &["*"]).await;
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
        let delivery = attempted(&fanfare, &endpoint).await;
        fanfare
            .until(&format!("/webhooks/{endpoint}"), |a| match expected {
                "disabled" => a.body["enabled"] == false,
                "open" => a.body["health"]["state"] == "open",
                _ => true,
            })
            .await;
        let attempt = &delivery["attempts"][0];
        assert_eq!(attempt["response"]["body"], "half", "{attempt}");
        assert_eq!(attempt["response"]["truncated"], true, "{attempt}");
        let explanation = attempt["explanation"].as_str().unwrap();
        assert!(explanation.contains("broke off"), "{explanation}");
        let dead = expected == "dead";
        assert_eq!(delivery["status"] == "dead", dead, "{delivery}");
        if expected == "open" {
            let time = |text: &Value| domain::time::Timestamp::parse(text.as_str().unwrap());
            let (next, at) = (time(&delivery["nextAttemptAt"]), time(&attempt["at"]));
            let wait = next.unwrap().since(at.unwrap());
            assert!(wait >= Duration::from_secs(300), "{delivery}");
        }
        let path = format!("/webhooks/{endpoint}");
        fanfare
            .call(&fanfare.admin(), "DELETE", &path, "", &[])
            .await;
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_echoes_a_sensitive_header_has_it_cut_out() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::start(|webhook, _| {
        let got = webhook.header("authorization").to_owned();
        Scripted {
            body: format!("<pre>authorization: {got}</pre>{}", "x".repeat(1_000)),
            ..Scripted::from(500).header("x-debug", got)
        }
    })
    .await;
    let header = json!({ "name": "authorization", "value": "Bearer hush-hush", "sensitive": true });
    let fields = json!({ "headers": [header] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), fields).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let delivery = attempted(&fanfare, &endpoint).await;
    let whole = format!(
        "/deliveries/{}/attempts/1",
        delivery["id"].as_str().unwrap()
    );
    let whole = fanfare.until(&whole, |a| a.status == 200).await;
    for seen in [&delivery["attempts"][0], &whole.body] {
        let text = seen.to_string();
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("authorization: [sensitive]</pre>"), "{text}");
        assert!(
            text.contains(r#""x-debug","value":"[sensitive]""#),
            "{text}"
        );
    }
    assert_eq!(
        receiver.received()[0].header("authorization"),
        "Bearer hush-hush"
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_is_owed_outlives_a_410_on_its_last_try() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| Scripted::from(410)).await;
    let (endpoint, _) = made(&fanfare, &receiver.url(), json!({ "retrySchedule": [] })).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let path = format!("/webhooks/{endpoint}");
    fanfare.until(&path, |a| a.body["enabled"] == false).await;
    for _ in 0..3 {
        advance(&fanfare, &clock, Duration::from_secs(40)).await;
    }
    let parked = format!("{path}/deliveries?status=parked");
    let parked = fanfare.until(&parked, |a| a.body["items"][0].is_object());
    assert_eq!(parked.await.body["items"][0]["attemptCount"], 1);
    assert_eq!(receiver.received().len(), 1, "nothing more is sent to it");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_news_is_made_of_news_that_died_not_even_when_replayed() {
    let fanfare = Fanfare::start().await;
    let refuses = Receiver::start(|_, _| Scripted::from(500)).await;
    let listens = Receiver::accepting().await;
    fanfare
        .endpoint(&listens.url(), &["attempt.exhausted"])
        .await;
    let wanted = json!({ "retrySchedule": [], "eventTypes": ["endpoint.created", "a.b"] });
    let (failing, _) = made(&fanfare, &refuses.url(), wanted).await;
    // News for the one that fails.
    fanfare.endpoint(&listens.url(), &["x.y"]).await;
    let dead = format!("/webhooks/{failing}/deliveries?status=dead");
    let died = fanfare.until(&dead, |a| a.body["items"][0].is_object());
    let delivery = died.await.text("/items/0/id");
    let again = format!("/deliveries/{delivery}/replay");
    fanfare.post(&fanfare.admin(), &again, &json!({})).await;
    fanfare
        .until(&dead, |a| a.body["items"][0]["attemptCount"] == 2)
        .await;
    // An event of the producer that dies is news, the first there are.
    let event = fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let news = listens.wait_for(1).await;
    let body: Value = serde_json::from_slice(&news[0].body).unwrap();
    assert_eq!(body["data"]["eventId"], event.as_str(), "{body}");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_success_the_whole_answer_is_kept_where_the_endpoint_asks_for_it() {
    const WHOLE: usize = 16 * 1024;
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::start(|_, _| Scripted {
        body: "taken, and here is more ".repeat(1_000),
        ..Scripted::from(200)
    })
    .await;
    let (endpoint, created) = made(&fanfare, &receiver.url(), json!({})).await;
    assert_eq!(created["keepResponses"], "failures");
    let path = format!("/webhooks/{endpoint}");
    let set = async |value: Value| {
        let change = json!({ "keepResponses": value }).to_string();
        let admin = fanfare.admin();
        fanfare.call(&admin, "PATCH", &path, &change, &[]).await
    };
    let refused = set("none".into()).await;
    assert_eq!(
        (refused.status, refused.text("/errors/0/field")),
        (422, "keepResponses".to_owned()),
        "{}",
        refused.body
    );

    let mut deliveries = Vec::new();
    for (id, value, kept) in [
        ("first", Value::Null, "failures"),
        ("second", json!("all"), "all"),
        ("third", Value::Null, "failures"),
    ] {
        let changed = set(value).await;
        assert_eq!(changed.text("/keepResponses"), kept, "{}", changed.body);
        let event = json!({ "id": id, "event": "a.b", "data": {} });
        fanfare.report(&event).await;
        let delivered = fanfare
            .until(&format!("/events/{id}"), |a| {
                a.body["destinations"][0]["status"] == "delivered"
            })
            .await;
        let delivery = delivered.text("/destinations/0/deliveryId");
        let record = fanfare.get(&format!("/deliveries/{delivery}")).await;
        let start = &record.body["attempts"][0]["response"];
        assert_eq!(start["body"].as_str().unwrap().len(), 128, "{id}");
        assert_eq!(start["truncated"], true, "{id}");
        deliveries.push(delivery);
    }
    let length = |a: &Answer| a.body["response"]["body"].as_str().map(str::len);
    let second = format!("/deliveries/{}/attempts/1", deliveries[1]);
    // Kept right after the record, so it may be a moment later.
    let whole = fanfare.until(&second, |a| length(a) == Some(WHOLE)).await;
    let response = &whole.body["response"];
    assert_eq!(response["truncated"], true, "24,000 bytes were sent");
    let headers = response["headers"].as_array().unwrap();
    let announced = json!({ "name": "content-length", "value": "24000" });
    assert!(headers.contains(&announced), "{headers:?}");

    let forget = "/events/second/payload";
    let admin = fanfare.admin();
    let forgotten = fanfare.call(&admin, "DELETE", forget, "", &[]).await;
    assert_eq!(forgotten.status, 204);
    let expunged = fanfare.get(&second).await;
    assert_eq!(expunged.body["response"], Value::Null);
    assert_eq!(expunged.body["succeeded"], true);

    // All work is over when the system has stopped: of the others nothing was kept beside the start.
    let table = &fanfare.system.template().tables[0].name;
    let store = store::Store::new(fanfare.system.aws().dynamodb(), table);
    fanfare.system.stop().await;
    let network = NetworkId::parse("demo").unwrap();
    for delivery in deliveries {
        let id = DeliveryId::parse(&delivery).unwrap();
        assert_eq!(store.response(&network, id, 1).await.unwrap(), None);
        let record = store.delivery(&network, id).await.unwrap().unwrap();
        assert_eq!(record.state, State::Delivered);
    }
    assert_eq!(receiver.received().len(), 3);
}

//! Pushes and pages of people that were set aside, and their way back.

use domain::api_key::Role;
use domain::credential::Provider;
use domain::id::{EventId, NetworkId};
use domain::push::device::{DeviceId, UserId};
use domain::push::gate::Trail;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{PushRecord, PushState, Quarantined};
use testkit::push_certificate;

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::phones::{phone, slot};

/// One message straight into a queue, as if for the network `demo` unless `group` is none.
pub(crate) async fn send(fanfare: &Fanfare, queue: &str, body: &str, group: Option<&str>) {
    let sqs = fanfare.system.aws().sqs();
    let url = format!("http://sqs.local/000000000000/{queue}");
    let call = sqs.send_message().queue_url(url).message_body(body);
    call.set_message_group_id(group.map(str::to_owned))
        .send()
        .await
        .unwrap();
}

fn count(wanted: usize) -> impl Fn(&Answer) -> bool {
    move |answer| {
        let items = answer.body["items"].as_array();
        items.is_some_and(|items| items.len() == wanted)
    }
}

async fn with_phones() -> Fanfare {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.ios("bob", &phone('b')).await;
    fanfare
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_failed_for_two_days_is_sent_back_and_its_people_are_told_once() {
    let fanfare = with_phones().await;
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "body": "hi" }))
        .await;
    fanfare.in_state(&event, "sent", 1).await;
    let page = json!({ "networkId": "demo", "eventId": event, "resent": 100, "named": { "page": 1, "users": ["ann", "bob"] } });
    send(&fanfare, "AudienceDeadLetterQueue", &page.to_string(), None).await;
    let all = fanfare.until("/quarantine", count(1)).await;
    assert_eq!(all.text("/items/0/queue"), "audiences");
    let told = all.text("/items/0/explanation");
    assert!(told.contains("goes on where it was"), "{told}");
    let shown: Value = serde_json::from_str(&all.text("/items/0/body")).unwrap();
    assert_eq!(shown, page);

    let one = format!("/quarantine/{}/replay", all.text("/items/0/id"));
    let back = operate(&fanfare, &one).await;
    assert_eq!(back.status, 202, "{}", back.body);
    fanfare.in_state(&event, "sent", 2).await;
    assert_eq!(fanfare.get("/quarantine").await.body["items"], json!([]));
    assert_eq!(fanfare.phones().pushes().len(), 2);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_given_up_is_owed_again_and_sent_once() {
    let fanfare = with_phones().await;
    let network = NetworkId::parse("demo").unwrap();
    // It has somebody else's push only, so that the record below is this test's alone.
    let event = fanfare
        .push(json!({ "targetIds": ["bob"], "body": "hi" }))
        .await;
    fanfare.in_state(&event, "sent", 1).await;
    let id = EventId::parse(&event).unwrap();
    let device = format!("ann-{}", &phone('a')[..4]);
    let owed = PushRecord {
        user: UserId::parse("ann").unwrap(),
        device: DeviceId::parse(&device),
        state: PushState::Pending,
        trail: Trail::default(),
        attempts: 0,
        explanation: None,
        at: Timestamp::EPOCH,
    };
    let now = runtime::Clock::system().now();
    let store = fanfare.store();
    let stored = store.put_push_record(&network, &id, now, &owed);
    assert_eq!(stored.await.unwrap(), None);
    let push = json!({
        "networkId": "demo", "eventId": event, "accepted": now.millis(), "name": "message.created", "userId": "ann",
        "device": { "id": device, "slot": "ios/apns/production", "token": phone('a'), "registered": 0 },
        "attempt": 1, "resent": 100, "trail": "", "push": { "body": { "text": "hi, Ann" }, "priority": "high" },
    });
    send(&fanfare, "PushDeadLetterQueue", &push.to_string(), None).await;
    fanfare.in_state(&event, "dead", 1).await;
    let all = fanfare.until("/quarantine", count(1)).await;
    assert_eq!(all.text("/items/0/queue"), "pushes");
    assert!(!all.body.to_string().contains(&phone('a')), "{}", all.body);
    assert!(
        all.text("/items/0/body").contains("hi, Ann"),
        "{}",
        all.body
    );

    let message = all.text("/items/0/id");
    let back = operate(&fanfare, &format!("/quarantine/{message}/replay")).await;
    assert_eq!(back.status, 202, "{}", back.body);
    assert!(
        !back.body.to_string().contains(&phone('a')),
        "{}",
        back.body
    );
    fanfare.in_state(&event, "sent", 2).await;

    // A copy of it, after that: the push arrived, so there is nothing to send.
    let copy = Quarantined {
        network: Some(network.clone()),
        queue: "pushes".to_owned(),
        message_id: "copy".to_owned(),
        reason: "received too often".to_owned(),
        at: now,
        body: push.to_string(),
    };
    fanfare.store().quarantine(&copy).await.unwrap();
    let one = format!("/quarantine/{}", copy.id());
    let refused = operate(&fanfare, &format!("{one}/replay")).await;
    assert_eq!((refused.status, refused.problem()), (409, "wrong-state"));
    assert!(
        refused.text("/detail").contains("settled"),
        "{}",
        refused.body
    );
    assert_eq!(fanfare.get(&one).await.status, 200);
    assert_eq!(fanfare.phones().pushes().len(), 2);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_event_is_forgotten_is_not_sent_back_and_can_be_discarded() {
    let fanfare = Fanfare::start().await;
    let page = json!({ "networkId": "demo", "eventId": "evt_long_gone", "resent": 100, "named": { "page": 0, "users": ["ann"] } });
    let kept = Quarantined {
        network: NetworkId::parse("demo"),
        queue: "audiences".to_owned(),
        message_id: "page".to_owned(),
        reason: "received too often".to_owned(),
        at: Timestamp::from_millis(1_000),
        body: page.to_string(),
    };
    fanfare.store().quarantine(&kept).await.unwrap();
    let one = format!("/quarantine/{}", kept.id());
    let refused = operate(&fanfare, &format!("{one}/replay")).await;
    assert_eq!((refused.status, refused.problem()), (409, "wrong-state"));
    let detail = refused.text("/detail");
    assert!(
        detail.starts_with("the event of this page of people is forgotten"),
        "{detail}"
    );
    let listed = fanfare.get("/quarantine").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    let admin = fanfare.admin();
    let gone = fanfare.call(&admin, "DELETE", &one, "", &[]).await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    assert_eq!(fanfare.get("/quarantine").await.body["items"], json!([]));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_about_what_was_set_aside_has_a_devices_token() {
    let fanfare = Fanfare::start().await;
    let viewer = fanfare.key(Role::Viewer).await;
    let operator = fanfare.system.keys().operator().to_owned();
    let token = phone('7');
    let push =
        json!({ "networkId": "demo", "device": { "id": "d1", "token": token }, "push": "hi" });
    let broken = format!("{{\"device\":{{\"token\":\"{token}\"");
    let bare = json!({ "device": token });
    send(&fanfare, "PushQueue", &push.to_string(), None).await;
    send(&fanfare, "PushQueue", &broken, Some("demo")).await;
    // Nobody's: one that names no network, and one that no reader of a queue knew.
    send(&fanfare, "PushQueue", &bare.to_string(), None).await;
    send(&fanfare, "PushDeadLetterQueue", &broken, None).await;

    let all = fanfare.until("/quarantine", count(2)).await;
    let all = all.body["items"].as_array().unwrap();
    let mut shown = Vec::new();
    for item in all {
        let one = format!("/quarantine/{}", item["id"].as_str().unwrap());
        let seen = fanfare.call(&viewer, "GET", &one, "", &[]).await;
        assert_eq!((seen.status, &seen.body), (200, item));
        assert_eq!(item["queue"], "pushes");
        assert!(!item.to_string().contains(&token), "{item}");
        shown.push(item["body"].as_str().unwrap().to_owned());
    }
    assert!(
        shown.iter().any(|body| body.contains("\"d1\"")),
        "{shown:?}"
    );
    let whole = shown.iter().any(|body| body.contains("not a JSON object"));
    assert!(whole, "{shown:?}");

    let mut nobodys = Value::Null;
    for _ in 0..600 {
        nobodys = fanfare.operate(&operator, "GET", "/quarantine").await.body;
        if nobodys["items"].as_array().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(nobodys["items"].as_array().unwrap().len(), 2, "{nobodys}");
    assert!(!nobodys.to_string().contains(&token), "{nobodys}");

    // One that nobody understands goes to its queue even so, and comes back under another id.
    for item in all {
        let id = item["id"].as_str().unwrap();
        let back = operate(&fanfare, &format!("/quarantine/{id}/replay")).await;
        assert_eq!(back.status, 202, "{}", back.body);
        assert!(!back.body.to_string().contains(&token), "{}", back.body);
    }
    let again = fanfare.until("/quarantine", |answer| {
        let known = |item: &Value| all.iter().any(|before| before["id"] == item["id"]);
        count(2)(answer) && !answer.body["items"].as_array().unwrap().iter().any(known)
    });
    assert_eq!(again.await.body["items"][0]["queue"], "pushes");
    fanfare.system.stop().await;
}

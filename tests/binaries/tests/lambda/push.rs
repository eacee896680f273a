//! Pushes on their way through the binaries.

use domain::credential::{Environment, Facts, Platform, Provider, Record, Slot};
use domain::id::{CredentialId, NetworkId};
use domain::time::Timestamp;
use runtime::{Aws, Clock, Random};
use serde_json::{Value, json};
use store::{ActiveSlot, Store};
use testkit::push_certificate;
use vault::Vault;

use crate::functions::{body, call};
use crate::world::World;

/// An event that asks for a push becomes pages, the pages pushes, and of three pushes one arrives,
/// one meets a dead token, and one an expired certificate.
pub(crate) async fn push(world: &World, caller: &Value) {
    let fingerprint = activate(world).await;
    let devices = world.start("DevicesApi").await;
    for (user, digit) in [("ann", "a"), ("bob", "b")] {
        let token = digit.repeat(64);
        let device = json!({ "deviceId": user, "platform": "ios", "token": token, "userId": user });
        let made = call(world, &devices, caller, "POST", "devices", &device).await;
        assert_eq!(made["statusCode"], 201, "{made}");
    }
    let later = Clock::system()
        .now()
        .after(std::time::Duration::from_secs(60));
    world.phones.uninstall(&"b".repeat(64), later);
    let event = post(
        world,
        caller,
        &json!({ "targetIds": ["ann", "bob"], "body": "hi" }),
    )
    .await;
    fan_out(world).await;
    dispatch(world, &[r#""pushes_sent":1"#, r#""pushes_dead":1"#]).await;
    assert_eq!(world.phones.delivered(), 1);

    world.phones.expire_certificate(fingerprint);
    post(
        world,
        caller,
        &json!({ "targetIds": ["ann"], "body": "hi" }),
    )
    .await;
    fan_out(world).await;
    dispatch(
        world,
        &[r#""pushes_held":1"#, r#""event":"CredentialPaused""#],
    )
    .await;
    // The news of it.
    let news = world.batch("EventsQueue").await;
    assert!(news.to_string().contains("credential.failed"), "{news}");

    lose_and_find(world).await;
    send_back(world, caller).await;
    let api = world.start("EventsApi").await;
    let told = call(
        world,
        &api,
        caller,
        "GET",
        &format!("events/{event}/pushes"),
        &Value::Null,
    )
    .await;
    assert_eq!(body(&told)["items"].as_array().unwrap().len(), 2, "{told}");
}

async fn activate(world: &World) -> domain::credential::Fingerprint {
    let (credential, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    let aws = Aws::over(world.services.http_client());
    let network = NetworkId::parse("demo").unwrap();
    let id = CredentialId::generate(Timestamp::EPOCH, [3; 10]);
    let prefix = world.variables("PushDispatch")["SECRET_PREFIX"].clone();
    let vault = Vault::new(aws.secretsmanager(), prefix, Random::system());
    let text = credential.to_text();
    vault.keep_credential(&network, id, &text).await.unwrap();
    let record = Record {
        id,
        network: network.clone(),
        name: "test".to_owned(),
        slot: Slot::new(Platform::Ios, Provider::Apns, Environment::Production).unwrap(),
        facts: Facts {
            kind: credential.kind(),
            bundle_id: None,
            team_id: None,
            key_id: None,
            project_id: None,
            topics: Vec::new(),
            environments: vec![Environment::Production],
            expires: None,
            fingerprint,
        },
        created: Timestamp::EPOCH,
    };
    let store = Store::new(aws.dynamodb(), "Table");
    store.put_credential(&record, None).await.unwrap();
    let active = ActiveSlot::activated(&record, None, Timestamp::EPOCH);
    let activated = store.activate_credential(&record, None, &active).await;
    assert!(activated.unwrap());
    fingerprint
}

async fn post(world: &World, caller: &Value, push: &Value) -> String {
    let api = world.start("EventsApi").await;
    let event = json!({ "event": "a.b", "data": {}, "push": push });
    let accepted = call(world, &api, caller, "POST", "events", &event).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}\n{}", api.log());
    body(&accepted)["id"].as_str().unwrap().to_owned()
}

async fn fan_out(world: &World) {
    let fanout = world.start("EventFanout").await;
    let batch = world.batch("EventsQueue").await;
    let answer = world
        .within_permissions("EventFanout", fanout.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        fanout.log()
    );
    world.send("AudienceQueue", "garbage").await;
    let pages = world.start("PushFanout").await;
    let batch = world.batch("AudienceQueue").await;
    let answer = world
        .within_permissions("PushFanout", pages.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        pages.log()
    );
    pages.says(r#""event":"MessageQuarantined""#).await;
}

async fn dispatch(world: &World, outcomes: &[&str]) {
    world.send("PushQueue", "garbage").await;
    let dispatch = world.start("PushDispatch").await;
    let batch = world.batch("PushQueue").await;
    let answer = world
        .within_permissions("PushDispatch", dispatch.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        dispatch.log()
    );
    for outcome in outcomes {
        dispatch.says(outcome).await;
    }
}

/// What was set aside of both queues goes back to them.
async fn send_back(world: &World, caller: &Value) {
    let api = world.start("WebhooksApi").await;
    let listed = call(world, &api, caller, "GET", "quarantine", &Value::Null).await;
    let listed = body(&listed);
    let items = listed["items"].as_array().unwrap();
    for queue in ["audiences", "pushes"] {
        let item = items.iter().find(|item| item["queue"] == queue);
        let id = item.unwrap_or_else(|| panic!("no {queue} in {listed}"))["id"].as_str();
        let path = format!("quarantine/{}/replay", id.unwrap());
        let back = call(world, &api, caller, "POST", &path, &Value::Null).await;
        assert_eq!(back["statusCode"], 202, "{back}\n{}", api.log());
    }
    for queue in ["AudienceQueue", "PushQueue"] {
        let batch = world.batch(queue).await;
        let bodies = batch["Records"].as_array().unwrap().iter();
        let garbage = bodies.filter(|record| record["body"] == "garbage").count();
        assert_eq!(garbage, 1, "{queue}: {batch}");
    }
}

/// A page and a push whose every receive ended in a crash go back to their queues.
async fn lose_and_find(world: &World) {
    let quarantine = world.start("Quarantine").await;
    let page = r#"{"networkId":"demo","eventId":"evt_1","walk":{"shard":1,"page":0}}"#;
    world.send("AudienceDeadLetterQueue", page).await;
    let batch = world.batch("AudienceDeadLetterQueue").await;
    let answer = world
        .within_permissions("Quarantine", quarantine.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        quarantine.log()
    );
    quarantine.says(r#""event":"PushResent""#).await;
}

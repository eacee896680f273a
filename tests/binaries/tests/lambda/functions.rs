//! Events on their way through all binaries, and what disturbs them.

use serde_json::{Value, json};

use crate::letters::{give_the_delivery_up, lose_the_delivery_and_find_it_again};
use crate::push;
use crate::receiver::Receiver;
use crate::sandbox::Sandbox;
use crate::world::World;

#[tokio::test]
async fn events_pass_through_all_functions_within_their_permissions() {
    let world = World::new().await;
    let key = world.key().await;
    let mut receiver = Receiver::start().await;

    let caller = authorize(&world, &key).await;
    let secret = create_webhook(&world, &caller, &receiver.url).await;

    let event = post_event(&world, &caller).await;
    fan_out_beside(&world, &["garbage"]).await;
    lose_the_delivery_and_find_it_again(&world).await;
    dispatch_beside_garbage(&world, "RetryQueue", r#""delivered":1"#).await;
    let webhook = receiver.verified(&secret);
    assert_eq!(webhook["id"], event);
    assert_eq!(webhook["event"], "message.didCreate");

    receiver.answer(503);
    post_event(&world, &caller).await;
    let duplicate =
        json!({ "networkId": "demo", "id": event, "event": "message.didCreate", "data": {} });
    fan_out_beside(&world, &["garbage", &duplicate.to_string()]).await;
    dispatch_beside_garbage(&world, "WebhookQueue", r#""retried":1"#).await;
    receiver.verified(&secret);

    // The first success after a failure clears what was noted of the failure.
    receiver.answer(204);
    post_event(&world, &caller).await;
    fan_out_beside(&world, &["garbage"]).await;
    dispatch_beside_garbage(&world, "WebhookQueue", r#""delivered":1"#).await;
    receiver.verified(&secret);

    // What goes to a slow endpoint is handed to a queue of its own.
    world.endpoint_is_slow(true).await;
    post_event(&world, &caller).await;
    fan_out_beside(&world, &["garbage"]).await;
    dispatch_beside_garbage(&world, "WebhookQueue", r#""moved":1"#).await;
    dispatch_beside_garbage(&world, "SlowQueue", r#""delivered":1"#).await;
    receiver.verified(&secret);
    world.endpoint_is_slow(false).await;

    post_event(&world, &caller).await;
    fan_out_beside(&world, &["garbage"]).await;
    give_the_delivery_up(&world).await;
    quarantine_an_event(&world, &caller).await;
    replay_the_first(&world, &caller).await;
    count_what_was_accepted(&world, &caller).await;
    expunge(&world, &caller, &event).await;
    register_a_device(&world, &caller).await;
    change_push_settings(&world, &caller).await;
    define_an_event_type(&world, &caller).await;
    push::push(&world, &caller).await;
    use_a_certificate(&world, &caller).await;
    warn_of_what_ends(&world).await;
    delete_webhooks(&world, &caller).await;
    world.all_permissions_were_used();
}

#[tokio::test]
async fn an_event_is_taken_with_one_call_of_the_queue_and_none_of_the_table() {
    let world = World::new().await;
    let key = world.key().await;
    let caller = authorize(&world, &key).await;
    let api = world.start("EventsApi").await;
    let event = json!({ "event": "message.didCreate", "data": { "text": "hello" } });
    // The first asks for the network's rules.
    for expected in [
        ["dynamodb:GetItem", "sqs:SendMessageBatch"].as_slice(),
        &["sqs:SendMessageBatch"],
        &["sqs:SendMessageBatch"],
    ] {
        let accepted = call(&world, &api, &caller, "POST", "events", &event).await;
        assert_eq!(accepted["statusCode"], 202, "{accepted}\n{}", api.log());
        assert_eq!(world.calls(), expected);
    }
}

/// What API Gateway hands on about the caller.
async fn authorize(world: &World, key: &str) -> Value {
    let authorizer = world.start("Authorizer").await;
    let mut request: Value =
        serde_json::from_str(include_str!("../../../fixtures/authorizer-request.json")).unwrap();
    let refused = world
        .within_permissions("Authorizer", authorizer.call(&request))
        .await;
    assert_eq!(refused["isAuthorized"], false);
    request["headers"]["authorization"] = format!("Bearer {key}").into();
    request["identitySource"][0] = request["headers"]["authorization"].clone();
    let answer = world
        .within_permissions("Authorizer", authorizer.call(&request))
        .await;
    assert_eq!(answer["isAuthorized"], true, "{}", authorizer.log());
    answer["context"].clone()
}

/// Creates an endpoint, reads it back, and returns its secret.
async fn create_webhook(world: &World, caller: &Value, url: &str) -> String {
    let api = world.start("WebhooksApi").await;
    let created = call(
        world,
        &api,
        caller,
        "POST",
        "webhooks",
        &json!({ "url": url }),
    )
    .await;
    assert_eq!(created["statusCode"], 201, "{created}\n{}", api.log());
    let created = body(&created);
    let one = format!("webhooks/{}", created["id"].as_str().unwrap());
    let read = call(world, &api, caller, "GET", &one, &Value::Null).await;
    assert_eq!(read["statusCode"], 200, "{read}\n{}", api.log());
    assert_eq!(body(&read)["url"], url);
    assert_eq!(body(&read)["secret"], Value::Null);
    let news = world.batch("EventsQueue").await;
    assert_eq!(news["Records"].as_array().unwrap().len(), 1);
    assert!(news.to_string().contains("endpoint.created"), "{news}");
    created["secret"].as_str().unwrap().to_owned()
}

/// Posts an event, reads it back, and returns its id.
async fn post_event(world: &World, caller: &Value) -> Value {
    let api = world.start("EventsApi").await;
    let event = json!({ "event": "message.didCreate", "data": { "text": "hello" } });
    let accepted = call(world, &api, caller, "POST", "events", &event).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}\n{}", api.log());
    let id = body(&accepted)["id"].clone();
    let read = call(
        world,
        &api,
        caller,
        "GET",
        &format!("events/{}", id.as_str().unwrap()),
        &Value::Null,
    )
    .await;
    assert!(
        [200, 404].contains(&read["statusCode"].as_u64().unwrap()),
        "{read}\n{}",
        api.log()
    );
    id
}

/// The posted event, with neighbours that lead to no delivery.
async fn fan_out_beside(world: &World, neighbours: &[&str]) {
    for neighbour in neighbours {
        world.send("EventsQueue", neighbour).await;
    }
    let fanout = world.start("EventFanout").await;
    let batch = world.batch("EventsQueue").await;
    assert_eq!(
        batch["Records"].as_array().unwrap().len(),
        1 + neighbours.len()
    );
    let answer = world
        .within_permissions("EventFanout", fanout.call(&batch))
        .await;
    // What can never succeed is set aside, not received again.
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        fanout.log()
    );
    fanout.says(r#""event":"MessageQuarantined""#).await;
    fanout.says(r#""deliveries":1"#).await;
}

/// One delivery, with a neighbour that can never succeed. `outcome` is what must be counted.
async fn dispatch_beside_garbage(world: &World, queue: &str, outcome: &str) {
    world.send(queue, "garbage").await;
    let dispatch = world.start("WebhookDispatch").await;
    let batch = world.batch(queue).await;
    assert_eq!(batch["Records"].as_array().unwrap().len(), 2);
    let answer = world
        .within_permissions("WebhookDispatch", dispatch.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        dispatch.log()
    );
    dispatch.says(outcome).await;
}

/// A job of what was delivered so far: it is sent again, and the job is done.
async fn replay_the_first(world: &World, caller: &Value) {
    let api = world.start("WebhooksApi").await;
    let listed = call(world, &api, caller, "GET", "webhooks", &Value::Null).await;
    let endpoint = body(&listed)["items"][0]["id"].as_str().unwrap().to_owned();
    let wanted =
        json!({ "since": "2026-01-01T00:00:00Z", "status": ["delivered"], "ratePerSecond": 1 });
    let path = format!("webhooks/{endpoint}/replays");
    let made = call(world, &api, caller, "POST", &path, &wanted).await;
    assert_eq!(made["statusCode"], 202, "{made}\n{}", api.log());
    world.send("ReplayQueue", "garbage").await;
    let message = world.batch("ReplayQueue").await;
    let jobs = world.start("ReplayJobs").await;
    let answer = world
        .within_permissions("ReplayJobs", jobs.call(&message))
        .await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", jobs.log());
    jobs.says(r#""event":"MessageQuarantined""#).await;
    jobs.says(r#""event":"ReplayAdvanced""#).await;
    jobs.says(r#""state":"done""#).await;
    let job = body(&made)["id"].as_str().unwrap().to_owned();
    let seen = call(
        world,
        &api,
        caller,
        "GET",
        &format!("{path}/{job}"),
        &Value::Null,
    )
    .await;
    assert_eq!(body(&seen)["status"], "done", "{seen}");
    // Its queue gives up on it: too late to end it, and nothing is lost.
    let mut letters = message["Records"].as_array().unwrap().iter();
    let letter = letters.find(|one| one["body"] != "garbage").unwrap();
    let letter = letter["body"].as_str().unwrap();
    world.send("ReplayDeadLetterQueue", letter).await;
    let quarantine = world.start("Quarantine").await;
    let batch = world.batch("ReplayDeadLetterQueue").await;
    let answer = world
        .within_permissions("Quarantine", quarantine.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        quarantine.log()
    );
}

/// The first event's payload is forgotten, its record is not.
async fn expunge(world: &World, caller: &Value, event: &Value) {
    let api = world.start("EventsApi").await;
    let path = format!("events/{}", event.as_str().unwrap());
    let payload = format!("{path}/payload");
    let gone = call(world, &api, caller, "DELETE", &payload, &Value::Null).await;
    assert_eq!(gone["statusCode"], 204, "{gone}\n{}", api.log());
    let read = call(world, &api, caller, "GET", &path, &Value::Null).await;
    assert_eq!(body(&read)["data"], json!({}), "{read}");
}

/// Everything fanned out so far is on record.
async fn count_what_was_accepted(world: &World, caller: &Value) {
    let conservation = world.start("Conservation").await;
    let hour = serde_json::from_str(include_str!("../../../fixtures/scheduled.json")).unwrap();
    world
        .within_permissions("Conservation", conservation.call(&hour))
        .await;
    conservation.says(r#""conservation_mismatches":0"#).await;
    conservation.says(r#""networks":1"#).await;
    let api = world.start("WebhooksApi").await;
    let asked = call(world, &api, caller, "GET", "conservation", &Value::Null).await;
    assert_eq!(asked["statusCode"], 200, "{asked}\n{}", api.log());
    assert_eq!(body(&asked)["holds"], true, "{asked}");
}

/// Two dead letters of the events queue: a good event, which goes back, and one that cannot.
async fn quarantine_an_event(world: &World, caller: &Value) {
    for letter in [
        r#"{"networkId":"demo","event":"a.b","data":{}}"#,
        r#"{"networkId":"demo","no event":"at all"}"#,
    ] {
        world.send("EventsDeadLetterQueue", letter).await;
    }
    let quarantine = world.start("Quarantine").await;
    let batch = world.batch("EventsDeadLetterQueue").await;
    assert_eq!(batch["Records"].as_array().unwrap().len(), 2);
    let answer = world
        .within_permissions("Quarantine", quarantine.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        quarantine.log()
    );
    quarantine.says(r#""event":"EventResent""#).await;
    quarantine.says(r#""event":"MessageQuarantined""#).await;
    let api = world.start("WebhooksApi").await;
    let listed = call(world, &api, caller, "GET", "quarantine", &Value::Null).await;
    assert_eq!(listed["statusCode"], 200, "{listed}\n{}", api.log());
    let listed = listed["body"].as_str().unwrap();
    assert!(listed.contains("at all"), "{listed}");
    assert!(
        !listed.contains("a.b"),
        "a good event is no poison: {listed}"
    );
}

/// Defined, listed and archived.
async fn define_an_event_type(world: &World, caller: &Value) {
    let api = world.start("CatalogueApi").await;
    let one = "event-types/order%2Fpaid";
    let wanted = json!({ "schema": { "required": ["id"] }, "example": { "id": 1 } });
    for (method, path, sent, status) in [
        ("PUT", one, &wanted, 201),
        ("GET", one, &Value::Null, 200),
        ("GET", "event-types/order/paid/versions", &Value::Null, 200),
        ("GET", "event-types", &Value::Null, 200),
        ("PUT", "settings", &json!({ "retentionDays": 90 }), 200),
        ("DELETE", one, &Value::Null, 204),
    ] {
        let answer = call(world, &api, caller, method, path, sent).await;
        assert_eq!(
            answer["statusCode"],
            status,
            "{method} {path}: {answer}\n{}",
            api.log()
        );
    }
    // A hundred versions are kept; the one before them goes.
    for number in 0..=100 {
        let wanted = json!({ "schema": { "required": ["id"] }, "example": { "id": number } });
        let answer = call(world, &api, caller, "PUT", one, &wanted).await;
        let status = answer["statusCode"].as_u64().unwrap();
        assert!([200, 201].contains(&status), "{answer}\n{}", api.log());
    }
}

/// The second endpoint's secret joins the first one's in the ring; both endpoints go.
async fn delete_webhooks(world: &World, caller: &Value) {
    let api = world.start("WebhooksApi").await;
    let second = json!({ "url": "https://hooks.example.com/fanfare" });
    let created = call(world, &api, caller, "POST", "webhooks", &second).await;
    assert_eq!(created["statusCode"], 201, "{created}\n{}", api.log());
    let listed = call(world, &api, caller, "GET", "webhooks", &Value::Null).await;
    let listed = body(&listed);
    let endpoints = listed["items"].as_array().unwrap();
    assert_eq!(endpoints.len(), 2, "{listed}");
    for endpoint in endpoints {
        let one = format!("webhooks/{}", endpoint["id"].as_str().unwrap());
        let deleted = call(world, &api, caller, "DELETE", &one, &Value::Null).await;
        assert_eq!(deleted["statusCode"], 204, "{deleted}\n{}", api.log());
    }
}

/// A device comes, is seen, and goes; a channel falls silent.
async fn register_a_device(world: &World, caller: &Value) {
    let api = world.start("DevicesApi").await;
    let device =
        json!({ "deviceId": "d1", "platform": "ios", "token": "a1".repeat(32), "userId": "u1" });
    let registered = call(world, &api, caller, "POST", "devices", &device).await;
    assert!(
        [200, 201].contains(&registered["statusCode"].as_u64().unwrap()),
        "{registered}\n{}",
        api.log()
    );
    let seen = call(world, &api, caller, "GET", "users/u1/devices", &Value::Null).await;
    assert_eq!(body(&seen)["items"].as_array().unwrap().len(), 1, "{seen}");
    let gone = call(world, &api, caller, "DELETE", "devices/d1", &Value::Null).await;
    assert_eq!(gone["statusCode"], 204, "{gone}\n{}", api.log());
    let silent = json!({ "mode": "silent" });
    let silenced = call(
        world,
        &api,
        caller,
        "PUT",
        "channels/c1/push-settings",
        &silent,
    )
    .await;
    assert_eq!(silenced["statusCode"], 200, "{silenced}\n{}", api.log());
}

/// The settings change until the oldest of their versions is dropped.
async fn change_push_settings(world: &World, caller: &Value) {
    let api = world.start("PushSettingsApi").await;
    for pushes in 1..=102 {
        let settings = json!({ "throttle": { "pushes": pushes, "perSeconds": 1 } });
        let changed = call(world, &api, caller, "PUT", "push-settings", &settings).await;
        assert_eq!(changed["statusCode"], 200, "{changed}\n{}", api.log());
    }
    let listed = call(
        world,
        &api,
        caller,
        "GET",
        "push-settings/versions",
        &Value::Null,
    )
    .await;
    let listed = body(&listed);
    let versions = listed["items"].as_array().unwrap();
    assert_eq!(versions.len(), 100, "{listed}");
    assert_eq!(versions.last().unwrap()["version"], 3);
}

/// Two credentials are taken; one is activated, the other goes.
async fn use_a_certificate(world: &World, caller: &Value) {
    let api = world.start("CertificatesApi").await;
    let mut ids = Vec::new();
    for secret_key in ["sEcReT0123456789", "sEcReT9876543210"] {
        let upload = json!({
            "name": "Baidu", "platform": "android", "provider": "baidu", "environment": "production",
            "apiKey": "aBcDeFgH12345678", "secretKey": secret_key,
        });
        let taken = call(world, &api, caller, "POST", "certificates", &upload).await;
        assert_eq!(taken["statusCode"], 201, "{taken}\n{}", api.log());
        ids.push(body(&taken)["id"].as_str().unwrap().to_owned());
    }
    for (method, path, status) in [
        ("POST", format!("certificates/{}/activate", ids[0]), 200),
        ("DELETE", format!("certificates/{}", ids[0]), 409),
        ("DELETE", format!("certificates/{}", ids[1]), 204),
    ] {
        let done = call(world, &api, caller, method, &path, &Value::Null).await;
        assert_eq!(done["statusCode"], status, "{done}\n{}", api.log());
    }
    let news = world.batch("EventsQueue").await;
    assert!(news.to_string().contains("credential.activated"), "{news}");
    assert!(!api.log().contains("sEcReT"), "{}", api.log());
}

/// A receiver's certificate ends soon, and one whose endpoint is gone; keys of another are left over.
async fn warn_of_what_ends(world: &World) {
    world.certificates_end().await;
    world.keys_left_over().await;
    let sweep = world.start("CertExpiry").await;
    let day = serde_json::from_str(include_str!("../../../fixtures/scheduled.json")).unwrap();
    world
        .within_permissions("CertExpiry", sweep.call(&day))
        .await;
    sweep.says(r#""event":"CertificateExpiring""#).await;
    sweep.says(r#""keys_removed":1"#).await;
    sweep.says(r#""warned":1,"watched":2"#).await;
    let news = world.batch("EventsQueue").await;
    assert!(
        news.to_string().contains("endpoint.certificate-expiring"),
        "{news}"
    );
}

/// One call through API Gateway to a path below the network.
pub(crate) async fn call(
    world: &World,
    api: &Sandbox,
    caller: &Value,
    method: &str,
    path: &str,
    sent: &Value,
) -> Value {
    let mut request: Value =
        serde_json::from_str(include_str!("../../../fixtures/api-request.json")).unwrap();
    let (head, rest) = path
        .split_once('/')
        .map_or((path, None), |(head, rest)| (head, Some(rest)));
    let greedy = if rest.is_some() { "/{proxy+}" } else { "" };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let head = head.split('?').next().unwrap_or_default();
    let rest = rest.map(|rest| rest.split('?').next().unwrap_or_default());
    for pair in query.split('&').filter_map(|pair| pair.split_once('=')) {
        request["queryStringParameters"][pair.0] = pair.1.into();
    }
    request["rawQueryString"] = query.into();
    let key = format!("ANY /v1/networks/{{network}}/{head}{greedy}");
    let path = format!("/v1/networks/demo/{path}");
    request["routeKey"] = key.clone().into();
    request["rawPath"] = path.clone().into();
    request["requestContext"]["routeKey"] = key.into();
    request["requestContext"]["http"]["method"] = method.into();
    request["requestContext"]["http"]["path"] = path.into();
    request["requestContext"]["authorizer"]["lambda"] = caller.clone();
    request["headers"]["idempotency-key"] = world.next_key().into();
    if let Some(rest) = rest {
        request["pathParameters"]["proxy"] = rest.into();
    }
    if sent.is_null() {
        request.as_object_mut().unwrap().remove("body");
    } else {
        request["body"] = sent.to_string().into();
    }
    world
        .within_permissions(api.function, api.call(&request))
        .await
}

pub(crate) fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

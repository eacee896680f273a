//! One event on its way through all binaries, and what disturbs it.

use aws_local::Service;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::sandbox::Sandbox;
use crate::world::World;

#[tokio::test]
async fn an_event_passes_through_all_functions() {
    let world = World::new().await;
    let key = world.key().await;
    let mut receiver = Receiver::start().await;

    let caller = authorize(&world, &key).await;
    let secret = create_webhook(&world, &caller, &receiver.url).await;
    let event = post_event(&world, &caller).await;
    fan_out_beside_garbage(&world).await;
    dispatch_beside_garbage(&world).await;
    let webhook = receiver.verified(&secret);
    assert_eq!(webhook["id"], event);
    assert_eq!(webhook["event"], "message.didCreate");
    sweep(&world).await;
    quarantine(&world, &caller).await;
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
    created["secret"].as_str().unwrap().to_owned()
}

/// Posts an event and returns its id.
async fn post_event(world: &World, caller: &Value) -> Value {
    let api = world.start("EventsApi").await;
    let event = json!({ "event": "message.didCreate", "data": { "text": "hello" } });
    let accepted = call(world, &api, caller, "POST", "events", &event).await;
    assert_eq!(accepted["statusCode"], 202, "{accepted}\n{}", api.log());
    body(&accepted)["id"].clone()
}

async fn fan_out_beside_garbage(world: &World) {
    world.send("EventsQueue", "garbage").await;
    let fanout = world.start("EventFanout").await;
    let batch = world.batch("EventsQueue").await;
    assert_eq!(batch["Records"].as_array().unwrap().len(), 2);
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
    assert!(
        fanout.log().contains(r#""event":"MessageQuarantined""#),
        "{}",
        fanout.log()
    );
}

async fn dispatch_beside_garbage(world: &World) {
    world.send("WebhookQueue", "garbage").await;
    let dispatch = world.start("WebhookDispatch").await;
    let batch = world.batch("WebhookQueue").await;
    assert_eq!(
        batch["Records"].as_array().unwrap().len(),
        2,
        "fan-out sent one"
    );
    let answer = world
        .within_permissions("WebhookDispatch", dispatch.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        dispatch.log()
    );
    assert!(
        dispatch.log().contains(r#""delivered":1"#),
        "{}",
        dispatch.log()
    );
}

async fn sweep(world: &World) {
    let sweep = world.start("RetrySweep").await;
    let minute = serde_json::from_str(include_str!("../../../fixtures/scheduled.json")).unwrap();
    let calls = world.within_permissions("RetrySweep", async {
        sweep.call(&minute).await;
        world.calls(Service::DynamoDb)
    });
    assert!(calls.await > 0, "it looked for due deliveries");
    assert!(
        sweep.log().contains(r#""event":"SweepFinished""#),
        "{}",
        sweep.log()
    );
}

async fn quarantine(world: &World, caller: &Value) {
    world
        .send(
            "EventsDeadLetterQueue",
            r#"{"networkId":"demo","event":"a.b","data":{}}"#,
        )
        .await;
    let quarantine = world.start("Quarantine").await;
    let batch = world.batch("EventsDeadLetterQueue").await;
    let answer = world
        .within_permissions("Quarantine", quarantine.call(&batch))
        .await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [] }),
        "{}",
        quarantine.log()
    );
    let api = world.start("WebhooksApi").await;
    let listed = call(world, &api, caller, "GET", "quarantine", &Value::Null).await;
    assert_eq!(listed["statusCode"], 200, "{listed}\n{}", api.log());
    assert!(listed["body"].as_str().unwrap().contains("a.b"), "{listed}");
}

/// One call through API Gateway to a path below the network.
async fn call(
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
    let key = format!("ANY /v1/networks/{{network}}/{head}{greedy}");
    let path = format!("/v1/networks/demo/{path}");
    request["routeKey"] = key.clone().into();
    request["rawPath"] = path.clone().into();
    request["requestContext"]["routeKey"] = key.into();
    request["requestContext"]["http"]["method"] = method.into();
    request["requestContext"]["http"]["path"] = path.into();
    request["requestContext"]["authorizer"]["lambda"] = caller.clone();
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

fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

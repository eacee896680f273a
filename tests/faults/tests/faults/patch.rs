//! A PATCH loses to another change of its endpoint, which comes at every await point there is.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::endpoint::{Disabled, Endpoint, SecretRef, disabled};
use domain::health::Health;
use domain::id::EndpointId;
use domain::signing::{Key, Scheme};
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::KnownHealth;
use vault::Headers;
use webhooks_api::{Deps, handle};

use crate::chance::Chance;
use crate::plan::{Character, EndpointPlan, Plan};
use crate::sandbox::{Dying, platform_of_api};
use crate::seeds::in_simulated_time;
use crate::world::World;

const HEADER: &str = "x-tenant-key";

pub(crate) fn api(world: &World) -> Deps {
    Deps::new(&platform_of_api(world, "webhooks-api", 0)).unwrap()
}

/// `PATCH /webhooks/{id}` as an administrator sends it through the gateway.
fn patch(id: EndpointId, body: &Value) -> ApiGatewayV2httpRequest {
    asked("PATCH", &format!("webhooks/{id}"), body)
}

/// A request for `/{rest}` of the network, likewise. Functions know it by its path alone.
pub(crate) fn asked(method: &str, rest: &str, body: &Value) -> ApiGatewayV2httpRequest {
    let text = include_str!("../../../fixtures/api-request.json");
    let mut request: Value = serde_json::from_str(text).unwrap();
    let path = format!("/v1/networks/demo/{rest}");
    request["rawPath"] = path.as_str().into();
    request["body"] = body.to_string().into();
    let context = &mut request["requestContext"];
    context["http"]["method"] = method.into();
    context["http"]["path"] = path.into();
    context["authorizer"]["lambda"] = json!({ "network": "demo", "access": "role:admin" });
    serde_json::from_value(request).unwrap()
}

/// An endpoint that was disabled for failing, in a key ring with no room for another value.
async fn disabled_world(polls: u32, full: bool) -> World {
    let plan = Plan::calm(vec![EndpointPlan::new(Character::Well)], 0);
    let name = format!("patch-{polls}");
    let world = World::build(name, Chance::of_seed(u64::from(polls)), plan).await;
    let (network, id) = (&world.network, world.endpoints[0].id);
    let why = Disabled {
        reason: disabled::FAILING.to_owned(),
        at: Timestamp::EPOCH,
    };
    let off = world.store.disable_endpoint(network, id, &why).await;
    assert!(off.unwrap());
    let known = KnownHealth::default();
    let changed = world.store.change_health(network, id, known, failing());
    changed.await.unwrap().unwrap();
    if full {
        fill_ring(&world).await;
    }
    world
}

/// Leaves no room for another value in the key ring that the endpoint is in.
pub(crate) async fn fill_ring(world: &World) {
    let neighbour = EndpointId::from_bytes([7; 16]);
    let key = Key::generate(Scheme::default(), [7; 32]);
    let long = Headers::from([("x".to_owned(), "x".repeat(64 * 1024 - 800).into())]);
    let vault = world.vault();
    let added = vault.add(&world.network, neighbour, &key, &long).await;
    assert_eq!(added.unwrap().ring, 0, "beside the other");
}

fn failing() -> Health {
    Health {
        failures: 400,
        failing_since: Some(Timestamp::EPOCH),
        open: None,
        warned: 3,
        ..Health::default()
    }
}

/// The sensitive value that is sent with the endpoint's webhooks; `None` without one. Fails when
/// there is nothing to sign with.
async fn value(world: &World, at: SecretRef) -> Option<String> {
    let (network, id) = (&world.network, world.endpoints[0].id);
    let now = Timestamp::from_millis(world.stage.time.now());
    let material = world.vault().material(network, at, id, now).await.unwrap();
    assert!(material.keys().next().is_some());
    material
        .headers()
        .get(HEADER)
        .map(|value| value.to_string())
}

/// Somebody else changes the description after so many polls of the PATCH. Gives the answer's
/// status, and whether the PATCH was done before that.
async fn beaten_after(polls: u32, full: bool) -> (i64, bool) {
    let world = disabled_world(polls, full).await;
    let deps = api(&world);
    let id = world.endpoints[0].id;
    let long = "s".repeat(1000);
    let wanted = json!({
        "enabled": true,
        "headers": [{ "name": HEADER, "value": long, "sensitive": true }],
    });
    let mut work = Box::pin(handle(&deps, patch(id, &wanted)));
    let early = Dying::after(polls, &mut work).await;
    let before = world.endpoint(0).await.unwrap();
    let other = Endpoint {
        description: Some("another change".to_owned()),
        version: before.version + 1,
        ..before
    };
    assert!(world.store.update_endpoint(&other).await.unwrap());
    let done = early.is_some();
    let answer: ApiGatewayV2httpResponse = match early {
        Some(answer) => answer.unwrap(),
        None => work.await.unwrap(),
    };
    let after = world.endpoint(0).await.unwrap();
    let known = world.store.health(&world.network, id).await.unwrap();
    let sent = value(&world, after.secret).await;
    let at = format!("poll {polls}, full: {full}, {}", answer.status_code);
    match answer.status_code {
        200 => {
            assert!(after.is_enabled(), "{at}");
            assert_eq!(known, KnownHealth::default(), "{at}");
            assert_eq!(sent, Some(long), "{at}");
        }
        412 => {
            assert_eq!(after, other, "{at}");
            assert_eq!(known.health, failing(), "{at}");
            assert_eq!(sent, None, "{at}");
        }
        other => panic!("{other} {at}"),
    }
    // Wherever the entry is by now, no other place keeps a copy.
    let elsewhere = world.ring(1 - after.secret.ring).await;
    assert!(!elsewhere.contains(&id.to_string()), "{at}");
    (answer.status_code, done)
}

fn beaten_everywhere(full: bool) {
    let mut refused = 0;
    for polls in 0..10_000 {
        let (status, done) = in_simulated_time(beaten_after(polls, full));
        refused += u32::from(status == 412);
        if done {
            assert!(refused > 2, "{refused} of {polls}");
            return;
        }
    }
    panic!("it never got done");
}

#[test]
fn a_patch_that_loses_changes_neither_health_nor_values() {
    beaten_everywhere(false);
}

#[test]
fn a_patch_that_loses_while_its_values_move_to_another_ring_leaves_what_was_there() {
    beaten_everywhere(true);
}

/// What is asked for names the version there is, and somebody else changes the description after so
/// many polls. Gives whether it was done before that.
async fn beaten_by_version(polls: u32, method: &str, below: &str) -> bool {
    let world = if below == "/enable" {
        disabled_world(polls, false).await
    } else {
        let plan = Plan::calm(vec![EndpointPlan::new(Character::Well)], 0);
        let name = format!("version-{polls}");
        World::build(name, Chance::of_seed(u64::from(polls)), plan).await
    };
    let first = world.endpoint(0).await.unwrap();
    let path = format!("webhooks/{}{below}", first.id);
    let mut request = asked(method, &path, &json!({}));
    let version = format!("\"{}\"", first.version);
    request.headers.insert("if-match", version.parse().unwrap());
    let deps = api(&world);
    let mut work = Box::pin(handle(&deps, request));
    let early = Dying::after(polls, &mut work).await;
    let before = world.endpoint(0).await;
    let won = before.as_ref().is_none_or(|before| *before != first);
    if let Some(before) = before {
        let other = Endpoint {
            description: Some("another change".to_owned()),
            version: before.version + 1,
            ..before
        };
        assert!(world.store.update_endpoint(&other).await.unwrap());
    }
    let done = early.is_some();
    let answer = match early {
        Some(answer) => answer.unwrap(),
        None => work.await.unwrap(),
    };
    let at = format!("{method} {below}, poll {polls}");
    assert_eq!(answer.status_code == 412, !won, "{at}: {answer:?}");
    done
}

#[test]
fn a_change_that_names_a_version_is_made_to_no_other() {
    for (method, below) in [
        ("POST", "/disable"),
        ("POST", "/enable"),
        ("POST", "/secret/rotations"),
        ("DELETE", "/secret/previous"),
        ("PATCH", ""),
        ("DELETE", ""),
    ] {
        let mut all = 0..10_000;
        assert!(
            all.any(|polls| in_simulated_time(beaten_by_version(polls, method, below))),
            "it never got done"
        );
    }
}

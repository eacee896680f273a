//! Changes that are made while others are at the same items all the time.

use std::collections::BTreeSet;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use domain::credential::Provider;
use domain::endpoint::Endpoint;
use serde_json::{Value, json};
use tokio::time::sleep_until;

use crate::chance::Chance;
use crate::patch::{api, asked, fill_ring};
use crate::plan::{Action, Character, Crowd, Crowded, EndpointPlan, Plan};
use crate::push::plan::{PushPlan, Wanted, slot};
use crate::sandbox::platform_of_api;
use crate::seeds::in_simulated_time;
use crate::world::World;

/// How long the others keep at it, in milliseconds: longer than any request lasts.
const CROWDED: u64 = 30_000;

/// What an API function has left for an answer, in milliseconds, when its pauses are over.
const FOR_THE_REST: u64 = 8_000;

/// A change, and what it is answered when nobody is in its way.
struct Change {
    method: &'static str,
    /// Below the endpoint, or `None` for the collection.
    below: Option<&'static str>,
    body: Value,
    done: i64,
}

fn change(method: &'static str, below: &'static str, body: Value, done: i64) -> Change {
    Change {
        method,
        below: Some(below),
        body,
        done,
    }
}

fn changes() -> Vec<Change> {
    let headers = json!([{ "name": "x-key", "value": "s".repeat(1000), "sensitive": true }]);
    let created = Change {
        below: None,
        ..change("POST", "", json!({ "url": "http://127.0.0.1:9000/" }), 201)
    };
    vec![
        created,
        change("PATCH", "", json!({ "description": "mine" }), 200),
        // Its key ring has no room for that, so it moves to another.
        change("PATCH", "", json!({ "headers": headers }), 200),
        change("POST", "/disable", json!({}), 200),
        change("POST", "/enable", json!({}), 200),
        change("POST", "/secret/rotations", json!({}), 201),
        change("DELETE", "/secret/previous", json!({}), 200),
        change("DELETE", "", json!({}), 204),
    ]
}

fn at(at: Crowded, until: u64) -> Crowd {
    Crowd { at, until }
}

/// A world with one endpoint, in a key ring that is full, and others in everybody's way.
async fn crowded_world(name: String, crowd: Crowd, off: bool) -> World {
    let switch = off.then_some((0, Action::SwitchOff(0)));
    let plan = Plan {
        crowd: Some(crowd),
        actions: switch.into_iter().collect(),
        ..Plan::calm(vec![EndpointPlan::new(Character::Well)], 0)
    };
    let mut world = World::build(name, Chance::of_seed(1), plan).await;
    world.run().await;
    fill_ring(&world).await;
    world
}

/// What there is: the endpoints, whatever their keys, and which endpoints each key ring has keys of.
async fn state(world: &World) -> (Vec<Endpoint>, [BTreeSet<String>; 2]) {
    let endpoints = world.store.list_endpoints(&world.network).await.unwrap();
    let rings = [world.ring(0).await, world.ring(1).await].map(|text| {
        let ring: Value = serde_json::from_str(&text).unwrap_or_default();
        let entries = ring["endpoints"].as_object();
        entries
            .into_iter()
            .flatten()
            .map(|(id, _)| id.clone())
            .collect()
    });
    (endpoints, rings)
}

async fn ask(world: &World, change: &Change) -> ApiGatewayV2httpResponse {
    let id = world.endpoints[0].id;
    let path = match change.below {
        None => "webhooks".to_owned(),
        Some(below) => format!("webhooks/{id}{below}"),
    };
    let request = asked(change.method, &path, &change.body);
    webhooks_api::handle(&api(world), request).await.unwrap()
}

fn assert_contended(answer: &ApiGatewayV2httpResponse, at: &str) {
    assert_eq!(answer.status_code, 503, "{at}: {answer:?}");
    assert_eq!(answer.headers["retry-after"], "1", "{at}");
    let Some(Body::Text(text)) = &answer.body else {
        panic!("{at}: {answer:?}");
    };
    let problem: Value = serde_json::from_str(text).unwrap();
    let id = problem["type"].as_str().unwrap();
    assert!(id.ends_with("/contended"), "{at}: {text}");
}

/// Makes a change among others that keep at it, and once more when they are gone.
fn refuse_then_make(change: &Change, number: usize, crowd: Crowd) {
    let at = format!("{} {:?} {:?}", change.method, change.below, crowd.at);
    in_simulated_time(async {
        let off = change.below == Some("/enable");
        let world = crowded_world(format!("crowd-{number}"), crowd, off).await;
        let (before, began) = (state(&world).await, world.stage.time.passed());
        assert_contended(&ask(&world, change).await, &at);
        let took = world.stage.time.passed() - began;
        let range = 1_000..20_000 - FOR_THE_REST;
        assert!(range.contains(&took), "{at}: {took}");
        assert_eq!(state(&world).await, before, "{at}");
        sleep_until(world.stage.time.at(CROWDED)).await;
        let again = ask(&world, change).await;
        assert_eq!(again.status_code, change.done, "{at}: {again:?}");
    });
}

#[test]
fn a_change_that_gets_no_turn_is_told_so_in_time_and_changed_nothing() {
    for (number, change) in changes().iter().enumerate() {
        refuse_then_make(change, number, at(Crowded::Table, CROWDED));
    }
}

#[test]
fn a_change_of_keys_that_gets_no_turn_at_its_ring_is_told_so_and_changed_nothing() {
    // The values of the PATCH have no room in that ring, and begin another where nobody is.
    let of_keys = |change: &&Change| {
        let below = change.below;
        below.is_none_or(|below| below.starts_with("/secret"))
    };
    let all = changes();
    for (number, change) in all.iter().filter(of_keys).enumerate() {
        refuse_then_make(change, number, at(Crowded::Rings, CROWDED));
    }
    assert_eq!(all.iter().filter(of_keys).count(), 3);
}

/// Forty who change endpoints of one network at the same moment, in so many processes. Gives how
/// many got their turn.
fn forty_at_once(processes: usize) -> usize {
    in_simulated_time(async {
        let plan = Plan::calm(vec![EndpointPlan::new(Character::Well)], 0);
        let name = format!("forty-{processes}");
        let world = World::build(name, Chance::of_seed(1), plan).await;
        let apis: Vec<_> = (0..processes).map(|_| api(&world)).collect();
        let asked = (0..40).map(|number| {
            let request = asked(
                "POST",
                "webhooks",
                &json!({ "url": "http://127.0.0.1:9000/" }),
            );
            webhooks_api::handle(&apis[number % processes], request)
        });
        let mut made = 1;
        for answer in futures::future::join_all(asked).await {
            let answer = answer.unwrap();
            if answer.status_code == 201 {
                made += 1;
            } else {
                assert_contended(&answer, "one of forty");
            }
        }
        assert!(world.stage.time.passed() < 20_000);
        let (endpoints, rings) = state(&world).await;
        let ids = endpoints.iter().map(|endpoint| endpoint.id.to_string());
        assert_eq!(endpoints.len(), made);
        assert_eq!(rings[0], ids.collect(), "no key is lost, none is left over");
        made - 1
    })
}

#[test]
fn many_who_change_endpoints_of_one_network_at_once_all_get_their_turn() {
    assert_eq!(forty_at_once(1), 40, "one process never races itself");
    assert!(forty_at_once(40) >= 38);
}

#[test]
fn a_change_gets_its_turn_when_the_others_are_done_within_seconds() {
    let all = changes();
    for (number, change) in all.iter().enumerate() {
        in_simulated_time(async {
            let off = change.below == Some("/enable");
            let crowd = at(Crowded::Table, 2_000);
            let world = crowded_world(format!("queue-{number}"), crowd, off).await;
            let answer = ask(&world, change).await;
            assert_eq!(answer.status_code, change.done, "{answer:?}");
            assert!(world.stage.time.passed() > 2_000);
        });
    }
}

/// The names of all secrets there are.
async fn secrets(world: &World) -> Vec<String> {
    let listed = world.aws.secretsmanager().list_secrets().send().await;
    let secrets = listed.unwrap().secret_list.unwrap();
    secrets.into_iter().filter_map(|one| one.name).collect()
}

#[test]
fn a_credential_that_gets_no_turn_leaves_no_material_and_stays_as_it_was() {
    in_simulated_time(async {
        let apple = slot(Provider::Apns);
        let plan = Plan {
            crowd: Some(at(Crowded::Table, CROWDED)),
            ..PushPlan::calm(&[apple], vec![Wanted::of(&[0])]).world(&[], Vec::new())
        };
        let mut world =
            World::build("crowd-credentials".to_owned(), Chance::of_seed(1), plan).await;
        let id = world.upload_good(apple).await;
        let deps = certificates_api::Deps::new(&platform_of_api(&world, "certificates-api", 0));
        let deps = deps.unwrap();
        let baidu = json!({
            "name": "Baidu", "platform": "android", "provider": "baidu",
            "environment": "production",
            "apiKey": "aBcDeFgH12345678", "secretKey": "0123456789abcdef0123456789abcdef",
        });
        let asks = [
            ("POST", "certificates".to_owned(), baidu, 201),
            ("DELETE", format!("certificates/{id}"), json!({}), 204),
        ];
        let before = (
            world.store.credentials(&world.network).await.unwrap(),
            secrets(&world).await,
        );
        for (method, path, body, _) in &asks {
            let answer = certificates_api::handle(&deps, asked(method, path, body)).await;
            assert_contended(&answer.unwrap(), path);
        }
        let activation = asked("POST", &format!("certificates/{id}/activate"), &json!({}));
        let answer = certificates_api::handle(&deps, activation).await.unwrap();
        assert_contended(&answer, "activate");
        let after = (
            world.store.credentials(&world.network).await.unwrap(),
            secrets(&world).await,
        );
        assert_eq!(format!("{after:?}"), format!("{before:?}"));
        sleep_until(world.stage.time.at(CROWDED)).await;
        for (method, path, body, done) in &asks {
            let answer = certificates_api::handle(&deps, asked(method, path, body)).await;
            assert_eq!(answer.unwrap().status_code, *done, "{path}");
        }
    });
}

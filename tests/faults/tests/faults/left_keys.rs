//! Keys of endpoints that are gone, or never came to be, are removed in the end.

use std::collections::BTreeSet;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::{Value, json};
use tokio::time::sleep_until;
use webhooks_api::handle;

use crate::chance::Chance;
use crate::patch::{api, asked};
use crate::plan::{Character, Crowd, Crowded, EndpointPlan, Plan};
use crate::sandbox::{Dying, platform_of_api};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// In milliseconds.
const DAY: u64 = 24 * 3_600_000;

async fn one_endpoint(name: String, crowded_rings: u64) -> World {
    let plan = Plan {
        crowd: Some(Crowd {
            at: Crowded::Rings,
            until: crowded_rings,
        }),
        ..Plan::calm(vec![EndpointPlan::new(Character::Well)], 0)
    };
    World::build(name, Chance::of_seed(1), plan).await
}

fn creation(_: &World) -> ApiGatewayV2httpRequest {
    let url = json!({ "url": "http://127.0.0.1:9000/" });
    asked("POST", "webhooks", &url)
}

fn deletion(world: &World) -> ApiGatewayV2httpRequest {
    let path = format!("webhooks/{}", world.endpoints[0].id);
    asked("DELETE", &path, &json!({}))
}

/// The endpoints there are, and those that the key ring has something of.
async fn endpoints_and_keys(world: &World) -> [BTreeSet<String>; 2] {
    let endpoints = world.store.list_endpoints(&world.network).await.unwrap();
    let ring: Value = serde_json::from_str(&world.ring(0).await).unwrap();
    let keys = ring["endpoints"].as_object().unwrap();
    let endpoints = endpoints.iter().map(|endpoint| endpoint.id.to_string());
    [endpoints.collect(), keys.keys().cloned().collect()]
}

/// What the schedule does each day.
async fn next_day(world: &World) {
    let now = world.stage.time.passed();
    sleep_until(world.stage.time.at(now + DAY)).await;
    let platform = platform_of_api(world, "cert-expiry", 0);
    let deps = cert_expiry::Deps::new(&platform).unwrap();
    cert_expiry::handle(&deps, Value::Null).await.unwrap();
    let left = world.store.left_keys(platform.clock.now()).await.unwrap();
    assert_eq!(left, [], "nothing to look at again");
}

/// A process dies at every await point there is of what it is asked for. Gives after how many of them
/// keys were left over.
fn dies_everywhere(what: &str, request: fn(&World) -> ApiGatewayV2httpRequest) -> u32 {
    let mut left = 0;
    for polls in 0..10_000 {
        let over = in_simulated_time(async {
            let world = one_endpoint(format!("{what}-{polls}"), 0).await;
            let deps = api(&world);
            let mut work = Box::pin(handle(&deps, request(&world)));
            let over = Dying::after(polls, &mut work).await.is_some();
            drop(work);
            let [endpoints, keys] = endpoints_and_keys(&world).await;
            assert!(keys.is_superset(&endpoints), "{what} {polls}");
            left += u32::from(keys != endpoints);
            assert!(!over || keys == endpoints, "all is done: {what} {polls}");
            next_day(&world).await;
            let [after, keys] = endpoints_and_keys(&world).await;
            assert_eq!(after, endpoints, "{what} {polls}");
            assert_eq!(keys, endpoints, "{what} {polls}");
            over
        });
        if over {
            return left;
        }
    }
    panic!("it never got done");
}

#[test]
fn a_deletion_that_died_half_way_leaves_no_key_for_long() {
    assert_ne!(dies_everywhere("deletion", deletion), 0);
}

#[test]
fn a_creation_that_died_half_way_leaves_no_key_for_long() {
    assert_ne!(dies_everywhere("creation", creation), 0);
}

#[test]
fn a_key_that_could_not_be_removed_with_its_endpoint_is_removed_the_next_day() {
    in_simulated_time(async {
        let world = one_endpoint("crowded-deletion".to_owned(), DAY / 2).await;
        let deleted = handle(&api(&world), deletion(&world)).await.unwrap();
        assert_eq!(deleted.status_code, 204);
        let [endpoints, keys] = endpoints_and_keys(&world).await;
        assert_eq!((endpoints.len(), keys.len()), (0, 1));
        next_day(&world).await;
        assert_eq!(endpoints_and_keys(&world).await[1], BTreeSet::new());
    });
}

//! A busy hour is counted in several answers, each in time, and every event in one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::encodings::Body;
use domain::time::Timestamp;
use runtime::{Clock, Platform};
use serde_json::{Value, json};
use store::{Entry, Hour};
use webhooks_api::{Deps, handle};

use crate::chance::Chance;
use crate::patch::asked;
use crate::plan::{Character, EndpointPlan, Plan};
use crate::sandbox::platform_of_api;
use crate::seeds::in_simulated_time;
use crate::world::World;

const EVENTS: usize = 230;

/// An API for which each look at the clock is ten seconds later than the one before.
fn slow_api(world: &World) -> Deps {
    let platform = platform_of_api(world, "webhooks-api", 0);
    let (began, looks) = (platform.clock.now(), Arc::new(AtomicU64::new(0)));
    let clock = Clock::from_fn(move || {
        let seconds = 10 * looks.fetch_add(1, Ordering::SeqCst);
        began.after(Duration::from_secs(seconds))
    });
    Deps::new(&Platform { clock, ..platform }).unwrap()
}

async fn count(world: &World, query: &Value) -> Value {
    let mut request = asked("GET", "conservation", &json!({}));
    request.query_string_parameters = serde_json::from_value(query.clone()).unwrap();
    let answer = handle(&slow_api(world), request).await.unwrap();
    assert_eq!(answer.status_code, 200, "{answer:?}");
    let Some(Body::Text(text)) = answer.body else {
        panic!("no text");
    };
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_hour_that_does_not_fit_in_an_answer_goes_on_in_the_next() {
    in_simulated_time(async {
        let plan = Plan::calm(vec![EndpointPlan::new(Character::Well)], EVENTS);
        let mut world = World::build("busy-hour".to_owned(), Chance::of_seed(1), plan).await;
        world.run().await;
        let now = Timestamp::from_millis(world.stage.time.now());
        let store = &world.store;
        let hours = [Hour::of(now)];
        let taken = store.taken_in(&hours, Some(&world.network), None, now);
        let events = taken.await.unwrap().events;
        assert_eq!(events.len(), EVENTS, "the story lies in one hour");
        // A batch that was received twice is noted twice.
        let again = Entry {
            network: world.network.clone(),
            events: events
                .into_iter()
                .map(|(_, event)| event)
                .take(50)
                .collect(),
            until: now.after(Duration::from_secs(24 * 3600)),
        };
        store.note_taken(&again, [1; 10], now).await.unwrap();

        let began = Hour::of(now).starts().to_string();
        let mut query = json!({ "since": began });
        let (mut answers, mut accepted, mut delivered) = (0, 0, 0);
        loop {
            let body = count(&world, &query).await;
            answers += 1;
            assert_eq!(body["holds"], true, "{body}");
            let events = body["events"].as_u64().unwrap();
            assert!(events <= 100, "{body}");
            if let Some(tally) = body["endpoints"].as_array().unwrap().first() {
                accepted += tally["accepted"].as_u64().unwrap();
                delivered += tally["delivered"].as_u64().unwrap();
            }
            let Some(since) = body["nextSince"].as_str() else {
                break;
            };
            query = json!({ "since": since });
            if let Some(after) = body["nextAfter"].as_str() {
                query["after"] = after.into();
            }
        }
        let all = u64::try_from(EVENTS).unwrap();
        assert_eq!((answers, accepted, delivered), (3, all, all));
    });
}

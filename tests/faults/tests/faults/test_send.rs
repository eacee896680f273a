//! A test whose event does not get through in time was accepted all the same.

use aws_lambda_events::encodings::Body;
use serde_json::{Value, json};
use webhooks_api::handle;

use crate::chance::Chance;
use crate::patch::{api, asked};
use crate::plan::{Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

async fn test(world: &World) -> (i64, Value) {
    let path = format!("webhooks/{}/test", world.endpoints[0].id);
    let body = json!({ "eventType": "message.didCreate" });
    let mut request = asked("POST", &path, &body);
    let key = "once".parse().unwrap();
    request.headers.insert("idempotency-key", key);
    let answer = handle(&api(world), request).await.unwrap();
    let Some(Body::Text(text)) = &answer.body else {
        panic!("{answer:?}");
    };
    (answer.status_code, serde_json::from_str(text).unwrap())
}

#[test]
fn a_test_that_waits_in_its_queue_is_told_to_be_under_way_and_not_refused() {
    in_simulated_time(async {
        let plan = Plan::calm(vec![EndpointPlan::new(Character::Well)], 0);
        let mut world = World::build("slow-test".to_owned(), Chance::of_seed(1), plan).await;
        // Nobody fans out.
        let (status, body) = test(&world).await;
        assert_eq!(status, 202, "{body}");
        let event = body["eventId"].as_str().unwrap().to_owned();
        assert!(event.starts_with("test_"), "{body}");
        assert!(body["explanation"].to_string().contains("waits"), "{body}");
        // Asked again it is the same one, which is sent once.
        let (status, again) = test(&world).await;
        assert_eq!((status, again["eventId"].as_str()), (202, Some(&*event)));
        world.run().await;
        let (status, done) = test(&world).await;
        assert_eq!((status, done["eventId"].as_str()), (200, Some(&*event)));
        assert_eq!(done["status"], "delivered", "{done}");
        assert_eq!(done["attemptCount"], 1, "{done}");
    });
}

//! Two changes of what an endpoint signs and is sent with: the other comes at every await point of
//! the one.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use domain::time::Timestamp;
use serde_json::{Value, json};
use webhooks_api::handle;

use crate::chance::Chance;
use crate::patch::{api, asked};
use crate::plan::{Character, EndpointPlan, Plan};
use crate::sandbox::Dying;
use crate::seeds::in_simulated_time;
use crate::world::World;

const HEADER: &str = "x-tenant-key";

/// A change as it is asked for.
struct Change {
    method: &'static str,
    below: &'static str,
    body: Value,
}

/// Sensitive values under the same name as the description.
fn patch(name: &str) -> Change {
    let headers = json!([{ "name": HEADER, "value": name, "sensitive": true }]);
    Change {
        method: "PATCH",
        below: "",
        body: json!({ "description": name, "headers": headers }),
    }
}

fn rotation(grace: u32) -> Change {
    Change {
        method: "POST",
        below: "/secret/rotations",
        body: json!({ "graceSeconds": grace }),
    }
}

/// An answer's status and body.
type Answer = (i64, Value);

fn read(answer: &ApiGatewayV2httpResponse) -> Answer {
    let Some(Body::Text(text)) = &answer.body else {
        panic!("{answer:?}");
    };
    (answer.status_code, serde_json::from_str(text).unwrap())
}

/// What came of them.
struct Outcome {
    /// `None` when its process died.
    one: Option<Answer>,
    /// `None` when there was none.
    other: Option<Answer>,
    /// The one was over before the other began.
    over: bool,
    version: u64,
    description: Option<String>,
    /// What an attempt would sign with and send now.
    keys: Vec<String>,
    value: Option<String>,
    /// The key that the endpoint was made with.
    first: String,
    at: String,
}

/// Makes the one up to so many polls, then the other, then the rest of the one; without another, its
/// process dies there.
async fn crossed(polls: u32, one: &Change, other: Option<&Change>) -> Outcome {
    let plan = Plan::calm(vec![EndpointPlan::new(Character::Well)], 0);
    let chance = Chance::of_seed(u64::from(polls));
    let world = World::build(format!("keys-{polls}"), chance, plan).await;
    let (deps, id) = (api(&world), world.endpoints[0].id);
    let ask = |change: &Change| {
        asked(
            change.method,
            &format!("webhooks/{id}{}", change.below),
            &change.body,
        )
    };
    let mut work = Box::pin(handle(&deps, ask(one)));
    let early = Dying::after(polls, &mut work).await;
    let over = early.is_some();
    let (one, other) = match (early, other) {
        (Some(answer), None) => (Some(read(&answer.unwrap())), None),
        (None, None) => (None, None),
        (early, Some(other)) => {
            // In a process of its own: what the one holds while it waits is not in its way.
            let other = handle(&api(&world), ask(other)).await.unwrap();
            let one = match early {
                Some(answer) => answer,
                None => work.await,
            };
            (Some(read(&one.unwrap())), Some(read(&other)))
        }
    };
    let after = world.endpoint(0).await.unwrap();
    let now = Timestamp::from_millis(world.stage.time.now());
    let vault = world.vault();
    let material = vault.material(&world.network, after.secret, id, now).await;
    let material = material.unwrap();
    let value = material.headers().get(HEADER);
    let first = world.stage.secrets.lock().unwrap()[0].clone();
    Outcome {
        at: format!("poll {polls}: {one:?}, {other:?}"),
        one,
        other,
        over,
        version: after.version,
        description: after.description,
        keys: material.keys().map(|key| key.expose().to_owned()).collect(),
        value: value.map(|value| value.to_string()),
        first,
    }
}

/// Calls `judge` for every await point there is.
fn everywhere(one: &Change, other: Option<&Change>, mut judge: impl FnMut(&Outcome)) {
    for polls in 0..10_000 {
        let outcome = in_simulated_time(crossed(polls, one, other));
        judge(&outcome);
        if outcome.over {
            return;
        }
    }
    panic!("it never got done");
}

fn status(answer: Option<&Answer>) -> Option<i64> {
    answer.map(|(status, _)| *status)
}

fn secret(answer: Option<&Answer>) -> String {
    answer.unwrap().1["secret"].as_str().unwrap().to_owned()
}

#[test]
fn of_two_patches_the_values_of_a_refused_one_are_never_sent() {
    let mut refused = 0;
    everywhere(&patch("one"), Some(&patch("other")), |outcome| {
        let at = &outcome.at;
        assert_eq!(status(outcome.other.as_ref()), Some(200), "{at}");
        assert_eq!(outcome.value, outcome.description, "{at}");
        if status(outcome.one.as_ref()) != Some(200) {
            refused += 1;
            assert_eq!(status(outcome.one.as_ref()), Some(412), "{at}");
            assert_eq!(outcome.value.as_deref(), Some("other"), "{at}");
        }
    });
    assert!(refused > 2, "{refused}");
}

#[test]
fn a_rotation_beside_a_refused_patch_takes_its_values_no_further() {
    let mut refused = 0;
    everywhere(&patch("one"), Some(&rotation(60)), |outcome| {
        let at = &outcome.at;
        let keys = [secret(outcome.other.as_ref()), outcome.first.clone()];
        assert_eq!(outcome.keys, keys, "{at}");
        assert_eq!(outcome.value, outcome.description, "{at}");
        match status(outcome.one.as_ref()) {
            Some(200) => assert_eq!(outcome.value.as_deref(), Some("one"), "{at}"),
            Some(412) => refused += 1,
            other => panic!("{other:?} {at}"),
        }
        assert_eq!(outcome.version, if outcome.value.is_some() { 3 } else { 2 });
    });
    assert!(refused > 2, "{refused}");
}

#[test]
fn rotations_are_built_on_what_others_changed_in_between() {
    everywhere(&rotation(60), Some(&patch("other")), |outcome| {
        let at = &outcome.at;
        assert_eq!(status(outcome.one.as_ref()), Some(201), "{at}");
        assert_eq!(status(outcome.other.as_ref()), Some(200), "{at}");
        let keys = [secret(outcome.one.as_ref()), outcome.first.clone()];
        assert_eq!(outcome.keys, keys, "{at}");
        assert_eq!(outcome.value.as_deref(), Some("other"), "{at}");
    });
    everywhere(&rotation(60), Some(&rotation(60)), |outcome| {
        let at = &outcome.at;
        let mut keys = outcome.keys.clone();
        let mut all = vec![
            secret(outcome.one.as_ref()),
            secret(outcome.other.as_ref()),
            outcome.first.clone(),
        ];
        keys.sort();
        all.sort();
        assert_eq!(keys, all, "{at}");
    });
}

#[test]
fn a_key_whose_rotation_died_before_its_record_signs_nothing() {
    let mut died = 0;
    everywhere(&rotation(0), None, |outcome| {
        let at = &outcome.at;
        if outcome.version == 1 {
            died += 1;
            assert_eq!(outcome.keys, std::slice::from_ref(&outcome.first), "{at}");
        } else {
            assert_eq!(outcome.keys.len(), 1, "{at}");
            assert_ne!(outcome.keys[0], outcome.first, "{at}");
        }
        if outcome.over {
            assert_eq!(outcome.keys, [secret(outcome.one.as_ref())], "{at}");
        }
    });
    assert!(died > 2, "{died}");
}

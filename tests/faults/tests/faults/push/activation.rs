//! A credential is activated by the API, whose process dies at every await point there is.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use certificates_api::{Deps, handle};
use domain::credential::Provider;
use domain::id::CredentialId;
use serde_json::json;

use crate::chance::Chance;
use crate::patch::asked;
use crate::push::oracle::{Account, judge};
use crate::push::plan::{PushPlan, Wanted, slot};
use crate::sandbox::{Dying, platform_of_api};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// When the push is asked for: long after the activation.
const REPORTED: u64 = 60_000;

fn request(id: CredentialId) -> ApiGatewayV2httpRequest {
    asked("POST", &format!("certificates/{id}/activate"), &json!({}))
}

/// Asks a fresh process to activate it; `None` when it died before it answered.
async fn activate(world: &World, id: CredentialId, polls: u32) -> Option<ApiGatewayV2httpResponse> {
    let deps = Deps::new(&platform_of_api(world, "certificates-api", polls)).unwrap();
    let answer = Dying::after(polls, handle(&deps, request(id))).await;
    answer.map(Result::unwrap)
}

/// `again`: the one who asked and got no answer asks again.
async fn with_death_at(polls: u32, again: bool) -> (bool, Account, World) {
    let apple = slot(Provider::Apns);
    let plan = PushPlan::calm(&[apple], vec![Wanted::of(&[0])]);
    let reports: &[u64] = if again { &[] } else { &[REPORTED] };
    let plan = plan.world(reports, Vec::new());
    let mut world = World::build(format!("activation-{polls}"), Chance::of_seed(1), plan).await;
    let id = world.upload_good(apple).await;
    let mut answer = activate(&world, id, polls).await;
    let died = answer.is_none();
    if again && died {
        answer = activate(&world, id, u32::MAX).await;
    }
    if let Some(answer) = answer {
        assert_eq!(answer.status_code, 200, "{answer:?}");
    }
    world.run().await;
    let account = judge(&world).await;
    let known = world.store.credentials(&world.network).await.unwrap();
    let (active, _) = known.in_slot(apple).unwrap();
    let activated = usize::from(active.credential == id);
    assert!(activated == 1 || (died && !again));
    assert_eq!(account.activated, activated, "it died at {polls}");
    (died, account, world)
}

/// Whether it was activated or not: if it was, that is told once, by the next push at the latest.
#[test]
fn an_activation_that_dies_anywhere_is_told_by_the_next_push() {
    let mut untold = 0;
    for polls in 0..10_000 {
        let (died, account, world) = in_simulated_time(with_death_at(polls, false));
        assert!(account.broken.is_empty(), "{:#?}", account.broken);
        assert_eq!((account.sent, account.repeated), (1, 0));
        untold += usize::from(died && account.activated == 1);
        drop(world);
        if !died {
            assert!(untold > 1, "no death left anything to tell");
            return;
        }
    }
    panic!("it never got done");
}

/// Without any push it is told to whoever asks for it again.
#[test]
fn an_activation_asked_for_again_after_a_death_is_told_once() {
    for polls in 0..10_000 {
        let (died, ..) = in_simulated_time(with_death_at(polls, true));
        if !died {
            assert!(polls > 5, "that was not every point");
            return;
        }
    }
    panic!("it never got done");
}

//! Records of one batch, of which one takes long.

use aws_local::Service;

use crate::chance::Chance;
use crate::plan::{Behaviour, Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// An endpoint at which everything fails, to be tried again after five seconds.
fn failing() -> EndpointPlan {
    EndpointPlan {
        schedule: Some(vec![5]),
        ..EndpointPlan::new(Character::Always(Behaviour::Answer(500, "")))
    }
}

#[test]
fn a_retry_comes_in_time_although_another_attempt_of_its_batch_hangs() {
    in_simulated_time(async {
        let hanging = EndpointPlan {
            timeout: 30,
            ..EndpointPlan::new(Character::Always(Behaviour::Hang))
        };
        let plan = Plan::calm(vec![hanging, failing()], 1);
        let mut world = World::build("beside".to_owned(), Chance::of_seed(0), plan).await;
        // In small steps: what is sent in the middle of a batch is looked for only then.
        for step in 1..=60 {
            world.run_until(step * 200).await;
        }
        let posts = world.stage.posts();
        let trace = world.stage.trace().join("\n");
        let (hung, failed): (Vec<_>, Vec<_>) = posts.iter().partition(|post| post.endpoint == 0);
        assert_eq!((hung.len(), failed.len()), (1, 2), "{trace}");
        assert_eq!(hung[0].invocation, failed[0].invocation, "one batch");
        assert_ne!(hung[0].invocation, failed[1].invocation, "{trace}");
        world.run().await;
    });
}

#[test]
fn what_follows_from_a_batch_that_fails_is_sent_in_one_call() {
    in_simulated_time(async {
        let plan = Plan::calm(vec![failing(); 10], 1);
        let mut world = World::build("together".to_owned(), Chance::of_seed(0), plan).await;
        world.run_until(4_000).await;
        assert_eq!(world.stage.posts().len(), 10);
        let sent = world.cloud.calls().count(Service::Sqs, "SendMessageBatch");
        assert_eq!(sent, 3, "the event, its ten webhooks, and the retries");
        world.run().await;
    });
}

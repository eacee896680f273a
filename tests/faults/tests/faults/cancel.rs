//! A replay job is cancelled while a process works on a page of it, at every await point there is.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::delivery::State;
use domain::replay::{self, Job};
use domain::time::Timestamp;
use store::{Delivery, DeliveryFilter, Order};

use crate::chance::Chance;
use crate::plan::{Action, Character, EndpointPlan, Plan};
use crate::sandbox::{Dying, Input, Kind, Sandbox};
use crate::seeds::in_simulated_time;
use crate::world::{World, message_of};

/// Two pages of a job of one a second: ten, and two more.
const DELIVERIES: usize = 12;
const RATE: u32 = 1;

/// A job for the parked deliveries of an endpoint that is enabled again, and the batch that has a
/// page of it worked on.
async fn parked_world(polls: u32) -> (World, Job, SqsEvent) {
    let mut actions = vec![(0, Action::SwitchOff(0))];
    actions.extend((0..DELIVERIES).map(|event| (1000, Action::Report(event))));
    let plan = Plan {
        actions,
        ..Plan::calm(vec![EndpointPlan::new(Character::Well)], DELIVERIES)
    };
    let name = format!("cancel-{polls}");
    let mut world = World::build(name, Chance::of_seed(u64::from(polls)), plan).await;
    world.run_until(600_000).await;
    let job = world.resume(world.endpoint(0).await.unwrap(), RATE).await;
    let mut message = SqsMessage::default();
    message.message_id = Some("job".to_owned());
    message.body = Some(message_of(&job).write());
    let mut batch = SqsEvent::default();
    batch.records = vec![message];
    (world, job, batch)
}

async fn deliveries(world: &World, filter: &DeliveryFilter) -> Vec<Delivery> {
    let (network, endpoint) = (&world.network, world.endpoints[0].id);
    let order = Order::OldestFirst(None);
    let listed = world
        .store
        .list_deliveries(network, endpoint, filter, order, 2 * DELIVERIES);
    listed.await.unwrap().deliveries
}

/// As the API does it: no more pages, and what is queued by now is taken back. Gives how many were.
async fn cancel(world: &World, job: &Job) -> u64 {
    let now = Timestamp::from_millis(world.stage.time.now());
    let named = (&job.network, job.endpoint, job.id);
    let stopped = world.store.stop_replay(named, None, now).await.unwrap();
    assert!(stopped, "a job that is done can be cancelled too");
    let queued = DeliveryFilter {
        replayed_by: Some(job.id),
        ..DeliveryFilter::default()
    };
    let queued = deliveries(world, &queued).await;
    let ids: Vec<_> = queued.iter().map(|one| one.id).collect();
    let taken = world.store.take_back(&job.network, job.id, &ids, now).await;
    let taken = taken.unwrap();
    world.store.count_taken_back(job, taken).await.unwrap();
    taken
}

async fn job_now(world: &World, job: &Job) -> Job {
    let found = world.store.replay(&job.network, job.endpoint, job.id).await;
    found.unwrap().unwrap()
}

/// When something happens to the job.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// It is cancelled in this page of it, from 0,
    page: u64,
    /// after so many polls of the process that works on that;
    polls: u32,
    /// which dies so many polls later, if it does, and then the message comes again.
    dies: Option<u32>,
}

/// What was the case.
struct Course {
    /// The page was done before it was cancelled.
    done: bool,
    /// The cancel took something back.
    some_queued: bool,
    /// The process died.
    died: bool,
}

async fn cancelled(at: Moment) -> Course {
    let (mut world, job, batch) = parked_world(at.polls).await;
    let call = Sandbox::start(&world, Kind::Replay, 0).call;
    for _ in 0..at.page {
        call(Input::Batch(batch.clone())).await.unwrap();
    }
    let begun = job_now(&world, &job).await;
    assert_eq!(begun.step, at.page, "{begun:?}");
    let mut work = call(Input::Batch(batch.clone()));
    let done = Dying::after(at.polls, &mut work).await.is_some();
    let taken = cancel(&world, &job).await;
    let mut died = false;
    if !done {
        let lives_for = at.dies.unwrap_or(u32::MAX);
        let rest = Dying::after(lives_for, &mut work).await;
        drop(work);
        died = rest.is_none();
        let rest = match rest {
            Some(rest) => rest,
            None => call(Input::Batch(batch)).await,
        };
        assert!(rest.unwrap().batch_item_failures.is_empty());
    }
    let all = deliveries(&world, &DeliveryFilter::default()).await;
    let parked = all.iter().filter(|one| one.state == State::Parked).count();
    assert_eq!(parked, DELIVERIES, "{at:?}");
    world.run().await;
    assert!(world.stage.posts().is_empty(), "something was sent: {at:?}");
    let ended = job_now(&world, &job).await;
    assert_eq!(ended.state, replay::State::Cancelled, "{at:?}");
    let counts = ended.counts;
    if died && at.dies != Some(0) {
        // It may have died between taking back and counting.
        assert!(counts.taken_back <= counts.replayed, "{at:?}: {counts:?}");
    } else {
        assert_eq!(counts.taken_back, counts.replayed, "{at:?}: {counts:?}");
    }
    Course {
        done,
        some_queued: taken > 0,
        died,
    }
}

/// At every await point of each of the two pages.
fn cancel_everywhere(dies: Option<u32>) {
    for page in [0, 1] {
        let done = (0..10_000).find(|&polls| {
            let at = Moment { page, polls, dies };
            in_simulated_time(cancelled(at)).done
        });
        assert!(done.is_some_and(|polls| polls > 5), "{done:?}");
    }
}

#[test]
fn a_page_that_goes_on_after_the_cancel_takes_back_what_it_queued() {
    cancel_everywhere(None);
}

#[test]
fn a_page_whose_process_died_is_taken_back_when_its_message_comes_again() {
    cancel_everywhere(Some(0));
}

#[test]
fn a_page_may_die_anywhere_after_its_job_was_cancelled() {
    let course = |polls, dies| {
        in_simulated_time(cancelled(Moment {
            page: 0,
            polls,
            dies,
        }))
    };
    // The API takes a part of the page back, and the process the rest.
    let polls = (0..10_000).find(|&polls| course(polls, None).some_queued);
    let polls = polls.unwrap();
    let lived = (0..10_000).find(|&dies| !course(polls, Some(dies)).died);
    assert!(lived.is_some_and(|dies| dies > 5), "{lived:?}");
}

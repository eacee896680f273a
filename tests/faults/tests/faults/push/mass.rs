//! Every token looks bad: it is the credential that is, and no token may be lost for it.

use domain::credential::{Environment, Platform, Provider, Slot};
use store::PushState;

use crate::chance::Chance;
use crate::push::oracle::{Account, judge};
use crate::push::plan::{Meddling, PushPlan, Wanted, slot};
use crate::push::world::{device, user};
use crate::seeds::in_simulated_time;
use crate::world::World;

const PHONES: usize = 30;
const MINUTE: u64 = 60_000;

fn everyone() -> Wanted {
    Wanted::of(&(0..PHONES).collect::<Vec<_>>())
}

/// How many phones are on their owners' lists.
async fn listed(world: &World) -> usize {
    let mut count = 0;
    for phone in 0..PHONES {
        let stored = world.store.recipient(&world.network, &user(phone)).await;
        let devices = stored.unwrap().recipient.devices;
        count += devices
            .iter()
            .filter(|listed| listed.id == device(phone))
            .count();
    }
    count
}

/// How many pushes of an event are in this state.
async fn in_state(world: &World, event: &str, state: PushState) -> usize {
    let id = domain::id::EventId::parse(event).unwrap();
    let page = world
        .store
        .list_pushes(&world.network, &id, None, 1_000)
        .await;
    let records = page.unwrap().records;
    records
        .iter()
        .filter(|record| record.state == state)
        .count()
}

fn guarded(world: &World) -> bool {
    let trace = world.stage.trace();
    trace.iter().any(|line| line.contains("TokensGuarded"))
}

fn settled(account: &Account, sent: usize) {
    assert!(account.broken.is_empty(), "{:#?}", account.broken);
    assert_eq!((account.sent, account.removed), (sent, 0));
}

/// The application from the store was registered as if it were a debug build.
#[test]
fn a_sandbox_certificate_costs_no_token() {
    let sandbox = Slot::new(Platform::Ios, Provider::Apns, Environment::Sandbox).unwrap();
    let push = PushPlan::calm(&[sandbox; PHONES], vec![everyone()]);
    let misplaced = (0..PHONES).map(|phone| (0, Meddling::Misplace(phone)));
    let plan = push.world(&[1_000], misplaced.collect());
    in_simulated_time(async {
        let mut world = World::build("sandbox".to_owned(), Chance::of_seed(1), plan).await;
        world.run_until(30 * MINUTE).await;
        assert_eq!(listed(&world).await, PHONES);
        assert_eq!(in_state(&world, "evt-0", PushState::Held).await, PHONES);
        assert!(guarded(&world));

        // The application is mended, and registers its phones where their tokens are good.
        let production = slot(Provider::Apns);
        world.activate_good(production).await;
        for phone in 0..PHONES {
            world.sign_in(phone, phone, production).await;
        }
        world.run().await;
        assert_eq!(listed(&world).await, PHONES);
        settled(&judge(&world).await, PHONES);
    });
}

/// After one that reached everybody, a credential of another application is activated.
#[test]
fn a_mistaken_credential_costs_no_token_however_good_the_one_before_it_was() {
    mistaken_and_mended(slot(Provider::Apns));
}

/// After one that reached everybody, a service account of another project is activated.
#[test]
fn a_service_account_of_another_project_costs_neither_token_nor_push() {
    mistaken_and_mended(slot(Provider::Fcm));
}

fn mistaken_and_mended(slot: Slot) {
    let push = PushPlan::calm(&[slot; PHONES], vec![everyone(), everyone()]);
    let meddling = vec![
        (MINUTE, Meddling::Mistake(slot)),
        (30 * MINUTE, Meddling::Mend),
    ];
    let plan = push.world(&[1_000, MINUTE + 1_000], meddling);
    in_simulated_time(async {
        let mut world = World::build("mistake".to_owned(), Chance::of_seed(1), plan).await;
        world.run_until(29 * MINUTE).await;
        assert_eq!(listed(&world).await, PHONES);
        assert_eq!(in_state(&world, "evt-1", PushState::Held).await, PHONES);
        assert!(guarded(&world));
        world.run().await;
        assert_eq!(listed(&world).await, PHONES);
        settled(&judge(&world).await, 2 * PHONES);
    });
}

/// One phone's application belongs to another project than all others: its pushes are given up, and
/// its token, which is good there, stays.
#[test]
fn a_trusted_service_account_gives_up_what_is_for_another_project_and_keeps_the_token() {
    let google = slot(Provider::Fcm);
    let others: Vec<_> = (1..PHONES).collect();
    let push = PushPlan::calm(&[google; PHONES], vec![Wanted::of(&others), everyone()]);
    let plan = push.world(&[1_000, MINUTE], vec![(0, Meddling::Estrange(0))]);
    in_simulated_time(async {
        let mut world = World::build("stranger".to_owned(), Chance::of_seed(1), plan).await;
        world.run_until(30 * MINUTE).await;
        assert_eq!(in_state(&world, "evt-1", PushState::Dead).await, 1);
        assert_eq!(in_state(&world, "evt-1", PushState::Sent).await, PHONES - 1);
        assert_eq!(listed(&world).await, PHONES);
    });
}

/// The other side of the guard: many bad tokens do not protect each other for ever.
#[test]
fn a_credential_that_reaches_phones_forgets_bad_tokens_however_many() {
    const BAD: usize = PHONES - 5;
    let apple = slot(Provider::Apns);
    let events = 12;
    let mut wanted = vec![everyone()];
    let good: Vec<_> = (BAD..PHONES).collect();
    wanted.extend(vec![Wanted::of(&good); events - 1]);
    let push = PushPlan::calm(&[apple; PHONES], wanted);
    let misplaced = (0..BAD).map(|phone| (0, Meddling::Misplace(phone)));
    let reports: Vec<_> = (1..).take(events).map(|minute| minute * MINUTE).collect();
    let plan = push.world(&reports, misplaced.collect());
    in_simulated_time(async {
        let mut world = World::build("bad".to_owned(), Chance::of_seed(1), plan).await;
        world.run_until(MINUTE + 10_000).await;
        assert_eq!(listed(&world).await, PHONES);
        world.run_until(60 * MINUTE).await;
        assert_eq!(listed(&world).await, PHONES - BAD);
    });
}

//! Storms by their numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use runtime::Env;

use crate::chance::Chance;
use crate::oracle::{Account, judge};
use crate::plan::Plan;
use crate::stage::SHOWN;
use crate::world::World;

/// Simulations wait for nothing, so more threads than processors would only take turns.
fn threads() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

/// Runs something on a runtime whose time passes only when everybody waits.
pub(crate) fn in_simulated_time<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

/// One simulation to its end: its account, and its trace.
pub(crate) fn simulate<A>(
    name: &str,
    seed: u64,
    plan: impl FnOnce(&Chance) -> Plan,
    judge: impl AsyncFnOnce(&World) -> A,
) -> (A, Vec<String>) {
    let chance = Chance::of_seed(seed);
    let plan = plan(&chance);
    in_simulated_time(async {
        let mut world = World::build(format!("{name}-{seed}"), chance, plan).await;
        world.run().await;
        let account = judge(&world).await;
        (account, world.stage.trace())
    })
}

/// What many storms came to.
pub(crate) trait Tally: std::fmt::Debug + Default + Send {
    /// What should not be, in words.
    fn broken(&self) -> &[String];

    fn add(&mut self, other: &Self);
}

/// Storms of one kind.
pub(crate) struct Season {
    /// The variable that chooses one by its number.
    pub(crate) one: &'static str,
    /// The variable that says how many.
    pub(crate) many: &'static str,
    /// How many, unless it says.
    pub(crate) usual: u64,
    /// The test's name.
    pub(crate) test: &'static str,
}

/// Lets them all happen: how many there were, and what they came to. `None` when one was looked at.
pub(crate) fn weather<A: Tally>(
    season: &Season,
    storm: impl Fn(u64) -> (A, Vec<String>) + Sync,
) -> Option<(usize, A)> {
    let env = Env::from_process();
    let number = |name: &str| env.get(name).and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number(season.one) {
        SHOWN.store(true, Ordering::Relaxed);
        let (account, _) = storm(seed);
        println!("{account:#?}");
        assert!(account.broken().is_empty());
        return None;
    }
    let most = number(season.many).unwrap_or(season.usual);
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let total = Mutex::new(A::default());
    thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= most {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| storm(seed))) {
                        Ok((account, _)) if account.broken().is_empty() => {
                            total.lock().unwrap().add(&account);
                        }
                        Ok((account, _)) => {
                            failed
                                .lock()
                                .unwrap()
                                .push((seed, account.broken().to_vec()));
                        }
                        Err(_) => failed
                            .lock()
                            .unwrap()
                            .push((seed, vec!["it panicked".to_owned()])),
                    }
                }
            });
        }
    });
    let (failed, total) = (failed.into_inner().unwrap(), total.into_inner().unwrap());
    println!("{most} storms: {total:?}");
    for (seed, broken) in &failed {
        println!("seed {seed}: {}", broken.join("\n  "));
    }
    let numbers: Vec<_> = failed.iter().map(|(seed, _)| seed).collect();
    assert!(
        failed.is_empty(),
        "seeds {numbers:?} failed; to see one: {}={} cargo test -p faults {} -- --nocapture",
        season.one,
        numbers[0],
        season.test
    );
    Some((usize::try_from(most).unwrap(), total))
}

const SEASON: Season = Season {
    one: "FAULT_SEED",
    many: "FAULT_SEEDS",
    usual: 1000,
    test: "seeds",
};

fn storm(seed: u64) -> (Account, Vec<String>) {
    simulate("storm", seed, Plan::of, async |world| judge(world).await)
}

/// `FAULT_SEED=n cargo test -p faults seeds -- --nocapture` shows one storm as it happens;
/// `FAULT_SEEDS=n` makes it so many instead of a thousand.
#[test]
fn seeds() {
    let Some((most, total)) = weather(&SEASON, storm) else {
        return;
    };
    // Storms in which nothing happened would pass too.
    assert!(total.delivered > most && total.dead > most / 10 && total.unrecorded > most / 10);
}

/// Else a number would replay another storm than the one that failed.
#[test]
fn the_same_seed_is_the_same_storm() {
    for seed in [3, 14, 15] {
        let (first, second) = (storm(seed).1, storm(seed).1);
        let differ = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

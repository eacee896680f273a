//! Storms over phones.

use crate::push::oracle::{Account, judge};
use crate::push::plan;
use crate::seeds::{Season, simulate, weather};

const SEASON: Season = Season {
    one: "PUSH_SEED",
    many: "PUSH_SEEDS",
    usual: 100,
    test: "over_phones",
};

fn storm(seed: u64) -> (Account, Vec<String>) {
    simulate("push", seed, plan::storm, async |world| judge(world).await)
}

/// `PUSH_SEED=n cargo test -p faults over_phones -- --nocapture` shows one storm as it happens;
/// `PUSH_SEEDS=n` makes it so many.
#[test]
fn storms_over_phones() {
    let Some((most, total)) = weather(&SEASON, storm) else {
        return;
    };
    // Storms in which nothing happened would pass too.
    let enough = |count: usize| count > most / 10;
    assert!(total.sent > most && enough(total.dead) && enough(total.gated));
    assert!(enough(total.repeated) && enough(total.collapsed) && enough(4 * total.removed));
}

/// Else a number would replay another storm than the one that failed.
#[test]
fn the_same_seed_is_the_same_storm_of_pushes() {
    for seed in [3, 14, 15] {
        let (first, second) = (storm(seed).1, storm(seed).1);
        let differ = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

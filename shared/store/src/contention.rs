//! Changes that meet: who comes second waits and tries again, on what it reads anew if its change
//! rests on that.

use std::time::Duration;

use crate::{Error, Store};

/// Of those who meet one gets through, and each of the others waits for a time of its own, up to
/// twice as long as before. All pauses together are at most ten seconds, half of that on average:
/// an API function has twenty.
const MAX_TRIES: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The tries that one change has left.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    store: &'a Store,
    operation: &'static str,
    left: u32,
    pause: Duration,
}

impl Store {
    pub(crate) fn tries(&self, operation: &'static str) -> Tries<'_> {
        Tries {
            store: self,
            operation,
            left: MAX_TRIES - 1,
            pause: FIRST_PAUSE,
        }
    }

    /// Some time within `pause`; all of it in a store without randomness.
    fn within(&self, pause: Duration) -> Duration {
        let random = self.random.as_ref();
        random.map_or(pause, |random| pause.mul_f64(random.fraction()))
    }
}

impl Tries<'_> {
    /// Waits before the next try.
    ///
    /// # Errors
    /// [`Error::Contended`] when that was the last.
    pub(crate) async fn again(&mut self) -> Result<(), Error> {
        let operation = self.operation;
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(Error::Contended { operation })?;
        tokio::time::sleep(self.store.within(self.pause)).await;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::BehaviorVersion;
    use aws_sdk_dynamodb::{Client, Config};
    use runtime::Random;

    use super::*;

    /// Asks nobody.
    fn store(fraction: u8) -> Store {
        let config = Config::builder().behavior_version(BehaviorVersion::latest());
        let random = Random::from_fn(move |bytes| bytes.fill(fraction));
        Store::new(Client::from_conf(config.build()), "table").spread_by(random)
    }

    #[tokio::test]
    async fn who_gets_no_turn_in_all_tries_is_told_that_and_not_of_a_broken_item() {
        let store = store(0);
        let mut tries = store.tries("registering a device");
        for made in 1..MAX_TRIES {
            assert!(tries.again().await.is_ok(), "{made}");
        }
        let error = tries.again().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "registering a device got no turn: others kept changing the same records"
        );
    }

    #[test]
    fn a_pause_is_spread_by_chance() {
        let pause = Duration::from_secs(8);
        let seconds = [0, 64, 128].map(|fraction| store(fraction).within(pause).as_secs());
        assert_eq!(seconds, [0, 2, 4]);
    }
}

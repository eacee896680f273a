//! Changes that meet: who comes second waits and tries again.

use std::time::Duration;

use crate::Random;

/// Of those who meet one gets through, and each of the others waits for a time of its own, up to
/// twice as long as before. All pauses together are at most ten seconds, half of that on average:
/// an API function has twenty.
const MAX_TRIES: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The tries that one change has left.
#[derive(Debug)]
pub struct Tries<'a> {
    random: Option<&'a Random>,
    left: u32,
    pause: Duration,
}

/// Others were first at each of the tries. Nothing was changed, and a repeat is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("others were first at every try")]
pub struct NoTurn;

impl<'a> Tries<'a> {
    /// Sixteen, with pauses in between that are spread by `random`; without it, those who met once
    /// meet again.
    #[must_use]
    pub const fn new(random: Option<&'a Random>) -> Self {
        Self {
            random,
            left: MAX_TRIES - 1,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// When that was the last.
    pub async fn again(&mut self) -> Result<(), NoTurn> {
        self.left = self.left.checked_sub(1).ok_or(NoTurn)?;
        tokio::time::sleep(self.part_of_pause()).await;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        Ok(())
    }

    fn part_of_pause(&self) -> Duration {
        self.random
            .map_or(self.pause, |random| self.pause.mul_f64(random.fraction()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_sixteen_tries_there_are_no_more() {
        let random = Random::from_fn(|bytes| bytes.fill(0));
        let mut tries = Tries::new(Some(&random));
        for made in 1..MAX_TRIES {
            assert!(tries.again().await.is_ok(), "{made}");
        }
        assert_eq!(tries.again().await, Err(NoTurn));
    }

    #[test]
    fn a_pause_is_spread_by_chance() {
        let millis = [0, 64, 128].map(|fraction| {
            let random = Random::from_fn(move |bytes| bytes.fill(fraction));
            let mut tries = Tries::new(Some(&random));
            tries.pause = Duration::from_secs(8);
            tries.part_of_pause().as_secs()
        });
        assert_eq!(millis, [0, 2, 4]);
    }
}

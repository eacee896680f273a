//! Changes that meet: who comes second reads anew and tries again.

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

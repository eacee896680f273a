use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The one source of chance of a simulation. Everything runs on one thread in an order that depends
/// on nothing else, so the same seed draws the same numbers for the same questions.
#[derive(Clone)]
pub(crate) struct Chance(Arc<Mutex<fastrand::Rng>>);

impl Chance {
    /// Also seeds the thread's own generator, from which the SDK draws the jitter of its retries
    /// and the embedded services their ids.
    pub(crate) fn of_seed(seed: u64) -> Self {
        fastrand::seed(seed);
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill(bytes);
    }

    /// True with this probability.
    pub(crate) fn happens(&self, probability: f64) -> bool {
        self.0.lock().unwrap().f64() < probability
    }

    pub(crate) fn number(&self, range: Range<u64>) -> u64 {
        self.0.lock().unwrap().u64(range)
    }

    pub(crate) fn index(&self, below: usize) -> usize {
        self.0.lock().unwrap().usize(0..below)
    }

    pub(crate) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        self.0.lock().unwrap().shuffle(items);
    }
}

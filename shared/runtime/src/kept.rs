//! What a function keeps of the table between invocations.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;

/// Values that are good for a while, by key. Each key has a lock of its own: of many who miss it at
/// the same time one asks, and a slow answer for one key makes nobody wait for another.
pub struct Kept<K, V> {
    max_age: Duration,
    max_keys: usize,
    slots: Mutex<HashMap<K, Slot<V>>>,
}

type Slot<V> = Arc<tokio::sync::Mutex<Option<(Timestamp, Arc<V>)>>>;

impl<K, V> fmt::Debug for Kept<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V> Kept<K, V> {
    /// Values are used for `max_age` after they were asked for; beyond `max_keys` all are
    /// forgotten.
    #[must_use]
    pub fn new(max_age: Duration, max_keys: usize) -> Self {
        Self {
            max_age,
            max_keys,
            slots: Mutex::default(),
        }
    }

    /// The value of `key`, asked for with `read` when none is known or it is too old.
    ///
    /// # Errors
    /// Those of `read`; nothing is kept then.
    pub async fn get_or<E, F: Future<Output = Result<V, E>>>(
        &self,
        key: &K,
        now: Timestamp,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<V>, E> {
        self.get_if(key, now, |_, _| true, read).await
    }

    /// The same, where a known value must also be `good`, as that tells by when it was asked for and
    /// what it is.
    ///
    /// # Errors
    /// Those of `read`; nothing is kept then.
    pub async fn get_if<E, F: Future<Output = Result<V, E>>>(
        &self,
        key: &K,
        now: Timestamp,
        good: impl FnOnce(Timestamp, &V) -> bool,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<V>, E> {
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        if let Some((at, value)) = slot.as_ref()
            && now.since(*at) < self.max_age
            && good(*at, value)
        {
            return Ok(Arc::clone(value));
        }
        // Boxed, so that whoever finds a value does not carry the way to it around.
        let value = Arc::new(Box::pin(read()).await?);
        *slot = Some((now, Arc::clone(&value)));
        Ok(value)
    }

    /// Asks anew at the next use.
    pub fn forget(&self, key: &K) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.remove(key);
    }

    fn slot(&self, key: &K) -> Slot<V> {
        // A panic elsewhere cannot leave the map half-changed: each change is one insert or clear.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.max_keys && !slots.contains_key(key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_is_asked_for_once_until_it_is_old_and_errors_are_not_kept() {
        let kept: Kept<&str, u32> = Kept::new(Duration::from_millis(10), 2);
        let at = Timestamp::from_millis;
        let ask = async |key, now, answer: Result<u32, ()>| {
            kept.get_or(&key, at(now), || async { answer })
                .await
                .map(|value| *value)
        };
        assert_eq!(ask("a", 0, Err(())).await, Err(()));
        assert_eq!(ask("a", 0, Ok(1)).await, Ok(1));
        assert_eq!(ask("a", 9, Ok(2)).await, Ok(1));
        assert_eq!(ask("a", 10, Ok(3)).await, Ok(3));
        kept.forget(&"a");
        assert_eq!(ask("a", 10, Ok(4)).await, Ok(4));
        assert_eq!(ask("b", 10, Ok(5)).await, Ok(5));
        // A third key makes room by forgetting.
        assert_eq!(ask("c", 10, Ok(6)).await, Ok(6));
        assert_eq!(ask("a", 11, Ok(7)).await, Ok(7));
        for (since, most, expected) in [(11, 7, 7), (11, 6, 8), (12, 9, 9)] {
            let good = |asked: Timestamp, value: &u32| asked >= at(since) && *value <= most;
            let read = || async { Ok::<_, ()>(expected) };
            let value = kept.get_if(&"a", at(11), good, read).await.unwrap();
            assert_eq!(*value, expected, "{since} {most}");
        }
    }

    #[tokio::test]
    async fn of_many_who_want_something_newer_one_asks() {
        let kept: Kept<&str, u32> = Kept::new(Duration::from_secs(10), 2);
        let at = Timestamp::from_millis;
        let asked = Mutex::new(0);
        let ask = |now| {
            let read = || async {
                tokio::task::yield_now().await;
                *asked.lock().unwrap() += 1;
                Ok::<_, ()>(1)
            };
            kept.get_if(&"a", at(now), |asked, _| asked >= at(5), read)
        };
        ask(4).await.unwrap();
        let all = tokio::join!(ask(5), ask(6), ask(7));
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
        assert_eq!(*asked.lock().unwrap(), 2);
    }
}

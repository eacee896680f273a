//! Rings read before, kept for a while.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::id::EndpointId;
use domain::time::Timestamp;

use crate::Error;
use crate::ring::{Entry, Ring};
use crate::slots::Slots;

/// How long a ring may be used without asking again: the longest a deleted secret stays in memory.
const MAX_AGE: Duration = Duration::from_secs(300);

/// How much longer it may be used while Secrets Manager does not answer.
const MAX_STALE: Duration = Duration::from_secs(3600);

/// A secret that was missing is asked for again only after this long, so that a delivery whose
/// secret is gone does not turn every try into a call.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// While a ring is being read, deliveries that need it wait for the one answer, and nobody else waits
/// at all.
#[derive(Default)]
pub(crate) struct Cache(Slots<Option<Cached>>);

struct Cached {
    ring: Ring,
    read_at: Timestamp,
    /// Looked for since, and not in it.
    missed: Vec<Wanted>,
}

/// A version by owner and generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) endpoint: EndpointId,
    pub(crate) generation: u64,
}

impl Wanted {
    fn find(self, ring: &Ring) -> Option<Arc<Entry>> {
        ring.find(self.endpoint, self.generation).cloned()
    }
}

impl Cache {
    /// The entry wanted of ring `name`, which is read anew when it is old or lacks them.
    pub(crate) async fn find_or<F: Future<Output = Result<Ring, Error>>>(
        &self,
        name: &str,
        wanted: Wanted,
        now: Timestamp,
        read: impl FnOnce() -> F,
    ) -> Result<Option<Arc<Entry>>, Error> {
        let slot = self.0.of(name);
        let mut slot = slot.lock().await;
        let mut fallback = None;
        if let Some(cached) = slot.as_ref() {
            let age = now.since(cached.read_at);
            let found = wanted.find(&cached.ring);
            if age < MAX_AGE && found.is_some() {
                return Ok(found);
            }
            if age < ASK_AGAIN && cached.missed.contains(&wanted) {
                return Ok(None);
            }
            fallback = found.filter(|_| age < MAX_STALE);
        }
        let ring = match (read().await, fallback) {
            (Ok(ring), _) => ring,
            (Err(_), Some(found)) => return Ok(Some(found)),
            (Err(error), None) => return Err(error),
        };
        let found = wanted.find(&ring);
        let missed = if found.is_none() {
            vec![wanted]
        } else {
            Vec::new()
        };
        *slot = Some(Cached {
            ring,
            read_at: now,
            missed,
        });
        Ok(found)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Headers;
    use domain::signing::{Key, Scheme};
    use std::cell::Cell;

    /// What a look-up found, and how many reads there have been.
    async fn look(
        cache: &Cache,
        id: u8,
        now: u64,
        reads: &Cell<u32>,
        there: Option<&[u8]>,
    ) -> (bool, u32) {
        let wanted = Wanted {
            endpoint: EndpointId::from_bytes([id; 16]),
            generation: 1,
        };
        let read = || async {
            reads.set(reads.get() + 1);
            let there = there.ok_or_else(|| Error::Contended {
                name: String::new(),
                source: runtime::NoTurn,
            })?;
            let mut ring = Ring::default();
            for id in there {
                let key = Key::generate(Scheme::Hmac, [*id; 32]);
                let entry = Arc::new(Entry::new(key, Headers::new()));
                ring.add(EndpointId::from_bytes([*id; 16]), 0, entry);
            }
            Ok(ring)
        };
        let found = cache
            .find_or("ring", wanted, Timestamp::from_millis(now), read)
            .await;
        (found.is_ok_and(|found| found.is_some()), reads.get())
    }

    #[tokio::test]
    async fn a_ring_is_read_when_that_can_help_and_only_then() {
        let (cache, reads) = (Cache::default(), Cell::new(0));
        assert_eq!(
            look(&cache, 1, 0, &reads, Some(&[1])).await,
            (true, 1),
            "first"
        );
        assert_eq!(
            look(&cache, 1, 299_000, &reads, None).await,
            (true, 1),
            "warm"
        );
        // A new endpoint, half a second after the ring was read for another.
        assert_eq!(
            look(&cache, 2, 500, &reads, Some(&[1, 2])).await,
            (true, 2),
            "new at once"
        );
        assert_eq!(
            look(&cache, 3, 600, &reads, Some(&[1, 2])).await,
            (false, 3),
            "missing"
        );
        assert_eq!(
            look(&cache, 3, 700, &reads, Some(&[1, 2, 3])).await,
            (false, 3),
            "not again at once"
        );
        assert_eq!(
            look(&cache, 3, 3_000, &reads, Some(&[1, 2, 3])).await,
            (true, 4),
            "but soon"
        );
        assert_eq!(
            look(&cache, 3, 400_000, &reads, None).await,
            (true, 5),
            "old, but the vault is down"
        );
        assert_eq!(
            look(&cache, 3, 4_000_000, &reads, None).await,
            (false, 6),
            "too old"
        );
    }
}

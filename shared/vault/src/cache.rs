//! Rings read before, kept for a while.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use domain::time::Timestamp;
use tokio::sync::Mutex;

use crate::Error;
use crate::ring::Ring;

/// How long a ring may be used without asking again: the longest a deleted secret stays in memory.
const MAX_AGE: Duration = Duration::from_secs(300);

/// A missing secret is asked for again only after this long, so that a delivery whose secret is
/// gone does not turn every try into a call.
const MIN_AGE: Duration = Duration::from_secs(2);

/// Most rings kept: 256 × 64 KiB at worst.
const MAX_RINGS: usize = 256;

#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<String, Cached>>);

struct Cached {
    ring: Ring,
    read_at: Timestamp,
}

impl Cache {
    /// What `pick` finds in the ring `name`, read anew when it is absent, old, or lacks it.
    pub(crate) async fn find_or<T, F: Future<Output = Result<Ring, Error>>>(
        &self,
        name: &str,
        now: Timestamp,
        pick: impl Fn(&Ring) -> Option<T>,
        read: impl FnOnce() -> F,
    ) -> Result<Option<T>, Error> {
        let mut rings = self.0.lock().await;
        if let Some(cached) = rings.get(name) {
            let age = now.since(cached.read_at);
            let found = if age < MAX_AGE {
                pick(&cached.ring)
            } else {
                None
            };
            if found.is_some() || age < MIN_AGE {
                return Ok(found);
            }
        }
        let ring = read().await?;
        let found = pick(&ring);
        if rings.len() >= MAX_RINGS {
            rings.clear();
        }
        rings.insert(name.to_owned(), Cached { ring, read_at: now });
        Ok(found)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache(..)")
    }
}

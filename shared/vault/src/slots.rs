//! Something for each ring, behind a lock of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Map, PoisonError};

use tokio::sync::Mutex;

/// Most rings remembered; of what the cache keeps, 256 × 64 KiB at worst.
const MAX_RINGS: usize = 256;

#[derive(Default)]
pub(crate) struct Slots<T>(Map<HashMap<String, Arc<Mutex<T>>>>);

impl<T: Default> Slots<T> {
    /// That of ring `name`. Beyond the most all are forgotten, by who comes next.
    pub(crate) fn of(&self, name: &str) -> Arc<Mutex<T>> {
        // A panic elsewhere cannot leave the map half-changed: each change is one insert or clear.
        let mut rings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rings.len() >= MAX_RINGS && !rings.contains_key(name) {
            rings.clear();
        }
        Arc::clone(rings.entry(name.to_owned()).or_default())
    }
}

impl<T> std::fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slots(..)")
    }
}

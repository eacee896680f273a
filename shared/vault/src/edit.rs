//! What can be changed about an endpoint's entry.

use domain::signing::Key;
use domain::time::Timestamp;

use crate::ring::{Entry, Headers};

/// A change to an endpoint's entry. `Debug` shows no key and no value.
pub enum Edit<'a> {
    /// A new key signs from now on; the old ones sign beside it until the grace ends.
    Rotate {
        /// The new key.
        key: &'a Key,
        /// Now: keys whose grace is over go.
        now: Timestamp,
        /// When the old ones stop; now or earlier, at once.
        grace_ends: Timestamp,
    },
    /// All keys but the newest stop at once.
    Revoke,
    /// These are the sensitive headers from now on.
    Headers(&'a Headers),
    /// These are the sensitive headers again, unless someone changed the entry after the change that
    /// is undone.
    Undo {
        /// The generation which that change made.
        made: u64,
        /// As they were before it.
        headers: &'a Headers,
    },
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rotate { .. } => "Rotate(..)",
            Self::Revoke => "Revoke",
            Self::Headers(_) => "Headers(..)",
            Self::Undo { .. } => "Undo(..)",
        })
    }
}

impl Edit<'_> {
    pub(crate) fn apply(&self, entry: &mut Entry) {
        match self {
            Self::Rotate {
                key,
                now,
                grace_ends,
            } => entry.rotate((*key).clone(), *now, *grace_ends),
            Self::Revoke => entry.revoke(),
            Self::Headers(headers) => entry.headers = (*headers).clone(),
            // This change counts as one already.
            Self::Undo { made, headers } if entry.generation == made.saturating_add(1) => {
                entry.headers = (*headers).clone();
            }
            Self::Undo { .. } => {}
        }
    }
}

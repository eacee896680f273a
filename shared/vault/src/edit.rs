//! What can be changed about an endpoint's entry.

use domain::signing::Key;
use domain::time::Timestamp;

use crate::ring::{Entry, Headers};

/// A change to what is kept of an endpoint. `Debug` shows no key and no value.
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
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rotate { .. } => "Rotate(..)",
            Self::Revoke => "Revoke",
            Self::Headers(_) => "Headers(..)",
        })
    }
}

impl Edit<'_> {
    /// The version that the change makes of `entry`; `None` when too many keys would sign.
    pub(crate) fn apply(&self, entry: &Entry) -> Option<Entry> {
        match self {
            Self::Rotate {
                key,
                now,
                grace_ends,
            } => entry.rotated((*key).clone(), *now, *grace_ends),
            Self::Revoke => Some(entry.revoked()),
            Self::Headers(headers) => Some(entry.with_headers((*headers).clone())),
        }
    }
}

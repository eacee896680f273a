//! `Idempotency-Key`: a request that creates something, sent again, gets the same answer again.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::base32;
use crate::time::Timestamp;

/// What breaking the rule of the key is answered with.
pub const RULE: &str = "must have 1 to 255 characters";

/// How long a key is remembered.
/// Source: Stripe and Outpost, 24 hours.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Remembers which request made which thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of the caller's key.
    pub key_hash: String,
    /// Hash of the request, to tell a retry from a different request under the same key.
    pub request_hash: String,
    /// A memory that ends at this moment or before it counts as gone.
    pub now: Timestamp,
    /// When this memory ends.
    pub until: Timestamp,
}

impl Idempotency {
    /// Of a key and the bytes that tell its request from others; `None` when the key breaks
    /// [`RULE`].
    #[must_use]
    pub fn of(key: &str, request: &[u8], now: Timestamp) -> Option<Self> {
        let hash = |bytes: &[u8]| base32::encode(&Sha256::digest(bytes));
        (1..=255).contains(&key.len()).then(|| Self {
            key_hash: hash(key.as_bytes()),
            request_hash: hash(request),
            now,
            until: now.after(REMEMBERED),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_length_and_requests_are_told_apart() {
        let of =
            |key: &str, request: &str| Idempotency::of(key, request.as_bytes(), Timestamp::EPOCH);
        assert_eq!(of("", "a"), None);
        assert_eq!(of(&"k".repeat(256), "a"), None);
        assert_eq!(of(&"k".repeat(255), "a"), of(&"k".repeat(255), "a"));
        let (one, other) = (of("k", "a").unwrap(), of("k", "b").unwrap());
        assert_eq!(one.key_hash, other.key_hash);
        assert_ne!(one.request_hash, other.request_hash);
        assert_eq!(one.until.since(one.now), REMEMBERED);
    }
}

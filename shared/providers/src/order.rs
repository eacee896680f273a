//! What is to be sent to one device.

use std::fmt;
use std::time::Duration;

use domain::credential::Platform;
use domain::push::device::Token;
use domain::push::message::Push;
use domain::time::Timestamp;

/// A push for one device.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What to show.
    pub push: &'a Push,
    /// What the device runs: an application built with FCM may run on either.
    pub platform: Platform,
    /// What the provider knows the device by.
    pub token: &'a Token,
    /// The same for every try of the same push to the same device.
    pub id: MessageId,
    /// When its event was accepted: its life is counted from here, so that a retry does not
    /// prolong it.
    pub accepted: Timestamp,
}

impl Order<'_> {
    /// What is left of the push's life; `None` when it has no end of its own.
    pub(crate) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        let ttl = self.push.ttl?;
        Some(self.accepted.after(ttl).since(now))
    }
}

/// Names one push to one device: `apns-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// From 16 bytes that name the push. RFC 9562 §5.8: made version 8, the one for ids of one's
    /// own making.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let marked = (u128::from_be_bytes(bytes) & !MARKS) | VERSION_8;
        Self(marked.to_be_bytes())
    }
}

/// The bits of version and variant, and what they say.
const MARKS: u128 = (0xf << 76) | (0x3 << 62);
const VERSION_8: u128 = (0x8 << 76) | (0x2 << 62);

impl fmt::Display for MessageId {
    /// The canonical, lower-case form that APNs wants.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u128::from_be_bytes(self.0);
        let (first, second, third, fourth) = (id >> 96, id >> 80, id >> 64, id >> 48);
        let [second, third, fourth] = [second, third, fourth].map(|part| part & 0xffff);
        let last = id & 0xffff_ffff_ffff;
        write!(
            f,
            "{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{last:012x}"
        )
    }
}

/// Why no request can be made of a push.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbuildable {
    /// Too large even with the body cut away.
    #[error(
        "is {size} bytes without its body, {limit} are allowed; shorten data, title or arguments"
    )]
    TooLarge {
        /// In bytes, with an empty body.
        size: usize,
        /// In bytes.
        limit: usize,
    },
    /// A data key that the provider keeps for itself.
    #[error("data may not have the key \"{0}\", which the provider keeps for itself")]
    ReservedKey(String),
    /// The collapse id is too long for APNs.
    #[error("the collapse id has more than 64 bytes")]
    CollapseId,
}

impl Unbuildable {
    /// A stable word for the rule.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "payload_too_large",
            Self::ReservedKey(_) => "reserved_key",
            Self::CollapseId => "collapse_id",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_canonical_uuid_of_version_8() {
        let id = MessageId::from_bytes([0xff; 16]).to_string();
        assert_eq!(id, "ffffffff-ffff-8fff-bfff-ffffffffffff");
        let id = MessageId::from_bytes([0; 16]).to_string();
        assert_eq!(id, "00000000-0000-8000-8000-000000000000");
    }
}

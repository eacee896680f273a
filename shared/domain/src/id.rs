//! Typed identifiers. Each parses from exactly one text form and prints the same form.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::base32;
use crate::time::Timestamp;

/// A tenant: 1–64 of `a–z 0–9 -`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(String);

impl NetworkId {
    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str =
        "must be 1 to 64 lower-case letters, digits or hyphens, starting with a letter or digit";

    /// `None` when the text breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=64).contains(&text.len())
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        good.then(|| Self(text.to_owned()))
    }

    /// The id exactly as it was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An event's id, which receivers see as `webhook-id` and producers use as idempotency key.
///
/// 1–128 of `A–Z a–z 0–9 _ : -`. No full stop: the signed content is `id.timestamp.body`, and
/// Standard Webhooks forbids the separator inside the id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl EventId {
    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str =
        "must be 1 to 128 letters, digits, underscores, colons or hyphens";

    /// `None` when the text breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-'));
        good.then(|| Self(text.to_owned()))
    }

    /// A fresh id: `evt_` and a ULID.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(format!("evt_{}", base32::encode(&ulid(now, random))))
    }

    /// The id of an event that came without one, derived from the queue message that carried it,
    /// so the same message always is the same event.
    #[must_use]
    pub fn of_message(accepted: Timestamp, message_id: &str) -> Self {
        let mut random = [0_u8; 10];
        random.copy_from_slice(&digest_prefix(message_id));
        Self::generate(accepted, random)
    }

    /// The id exactly as receivers and producers see it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A customer's webhook endpoint: `ep_` and a ULID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId([u8; 16]);

impl EndpointId {
    /// A fresh id: `now` to the millisecond, then the 10 random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(ulid(now, random))
    }

    /// `None` unless the text is `ep_` and 26 characters of base32.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base32::decode(text.strip_prefix("ep_")?).map(Self)
    }

    /// From the 16 bytes of the ULID; any are an id.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the ULID: 6 of time, then 10 random.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A stored push credential: `cred_` and a ULID. Its material never changes under one id, so the
/// id also says which version of the material is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId([u8; 16]);

impl CredentialId {
    /// A fresh id: `now` to the millisecond, then the 10 random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(ulid(now, random))
    }

    /// `None` unless the text is `cred_` and 26 characters of base32.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base32::decode(text.strip_prefix("cred_")?).map(Self)
    }
}

/// A replay job: `rpl_` and a ULID, so ids sort by the time of their making.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId([u8; 16]);

impl ReplayId {
    /// A fresh id: `now` to the millisecond, then the 10 random bytes.
    #[must_use]
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        Self(ulid(now, random))
    }

    /// `None` unless the text is `rpl_` and 26 characters of base32.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base32::decode(text.strip_prefix("rpl_")?).map(Self)
    }
}

/// One event on its way to one endpoint: `dlv_` and 52 characters.
///
/// Its 32 bytes are endpoint (16), acceptance time in milliseconds (6) and a hash of the event id
/// (10). It is therefore the same however often fan-out runs, sorts by acceptance time within an
/// endpoint, and says by itself where its record is: no index is needed to find it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId([u8; 32]);

impl DeliveryId {
    /// The one delivery of `event`, accepted at `accepted`, to `endpoint`.
    #[must_use]
    pub fn of(endpoint: EndpointId, accepted: Timestamp, event: &EventId) -> Self {
        let mut bytes = [0_u8; 32];
        let (owner, rest) = bytes.split_at_mut(16);
        let (time, hash) = rest.split_at_mut(6);
        owner.copy_from_slice(&endpoint.0);
        time.copy_from_slice(&millis48(accepted));
        hash.copy_from_slice(&digest_prefix(event.as_str()));
        Self(bytes)
    }

    /// `None` unless the text is `dlv_` and 52 characters of base32.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base32::decode(text.strip_prefix("dlv_")?).map(Self)
    }

    /// From its endpoint and the text [`order`](Self::order) gave.
    #[must_use]
    pub fn from_parts(endpoint: EndpointId, order: &str) -> Option<Self> {
        let rest = base32::decode::<16>(order)?;
        let mut bytes = [0_u8; 32];
        let (owner, tail) = bytes.split_at_mut(16);
        owner.copy_from_slice(&endpoint.0);
        tail.copy_from_slice(&rest);
        Some(Self(bytes))
    }

    /// The endpoint it goes to, read from the first 16 bytes.
    #[must_use]
    pub fn endpoint(&self) -> EndpointId {
        let mut id = [0_u8; 16];
        id.copy_from_slice(self.0.split_at(16).0);
        EndpointId(id)
    }

    /// When the event was accepted.
    #[must_use]
    pub fn accepted(&self) -> Timestamp {
        let time = self.0.split_at(16).1.split_at(6).0;
        let millis = time.iter().fold(0, |sum, b| (sum << 8) | u64::from(*b));
        Timestamp::from_millis(millis)
    }

    /// The part that orders deliveries of one endpoint: time, then hash. 26 characters.
    #[must_use]
    pub fn order(&self) -> String {
        base32::encode(self.0.split_at(16).1)
    }

    /// The text before which [`order`](Self::order) puts every delivery accepted earlier than `at`,
    /// and after which every later one.
    #[must_use]
    pub fn order_at(at: Timestamp) -> String {
        let mut bytes = [0_u8; 16];
        let (time, _) = bytes.split_at_mut(6);
        time.copy_from_slice(&millis48(at));
        base32::encode(&bytes)
    }

    /// A number that spreads deliveries of one endpoint evenly over `shards`.
    #[must_use]
    pub fn shard(&self, shards: u8) -> u8 {
        self.0.last().copied().unwrap_or_default() % shards.max(1)
    }
}

fn ulid(now: Timestamp, random: [u8; 10]) -> [u8; 16] {
    let mut bytes = [0_u8; 16];
    let (time, rest) = bytes.split_at_mut(6);
    time.copy_from_slice(&millis48(now));
    rest.copy_from_slice(&random);
    bytes
}

/// 48 bits of milliseconds last until the year 10889.
fn millis48(at: Timestamp) -> [u8; 6] {
    let [_, _, rest @ ..] = at.millis().to_be_bytes();
    rest
}

fn digest_prefix(text: &str) -> [u8; 10] {
    let digest = Sha256::digest(text.as_bytes());
    let mut prefix = [0_u8; 10];
    for (to, from) in prefix.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    prefix
}

macro_rules! text_form {
    ($type:ty, |$id:ident| $text:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $id = self;
                f.write_str(&$text)
            }
        }
    };
}

text_form!(NetworkId, |id| id.0);
text_form!(EventId, |id| id.0);
text_form!(EndpointId, |id| format!("ep_{}", base32::encode(&id.0)));
text_form!(CredentialId, |id| format!("cred_{}", base32::encode(&id.0)));
text_form!(ReplayId, |id| format!("rpl_{}", base32::encode(&id.0)));
text_form!(DeliveryId, |id| format!("dlv_{}", base32::encode(&id.0)));

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_ids_follow_their_rules() {
        for (text, good) in [
            ("demo", true),
            ("a-1", true),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a/b", false),
        ] {
            assert_eq!(NetworkId::parse(text).is_some(), good, "network {text:?}");
        }
        for (text, good) in [
            ("order:1_a-B", true),
            ("a.b", false),
            ("", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(EventId::parse(text).is_some(), good, "event {text:?}");
        }
        assert!(EventId::parse(&"x".repeat(129)).is_none());
    }

    proptest! {
        #[test]
        fn a_delivery_id_tells_its_endpoint_and_time(owner: [u8; 16], millis in 0_u64..(1 << 47), event in "[a-z]{1,20}") {
            let accepted = Timestamp::from_millis(millis);
            let event = EventId::parse(&event).unwrap();
            let id = DeliveryId::of(EndpointId::from_bytes(owner), accepted, &event);
            prop_assert_eq!(id, DeliveryId::of(EndpointId::from_bytes(owner), accepted, &event));
            prop_assert_eq!(id.endpoint(), EndpointId::from_bytes(owner));
            prop_assert_eq!(id.accepted(), accepted);
            prop_assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
            prop_assert_eq!(EndpointId::parse(&id.endpoint().to_string()), Some(id.endpoint()));
            let later = DeliveryId::of(EndpointId::from_bytes(owner), accepted.after(std::time::Duration::from_millis(1)), &event);
            prop_assert!(id.order() < later.order());
            let second = accepted.after(std::time::Duration::from_millis(1));
            prop_assert!(DeliveryId::order_at(accepted) <= id.order() && id.order() < DeliveryId::order_at(second));
        }
    }
}

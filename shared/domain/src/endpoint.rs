//! A customer's webhook endpoint.

use std::time::Duration;

use crate::attempt::Outcome;
use crate::event_type::{EventType, Pattern};
use crate::filter::Filter;
use crate::header::Header;
use crate::id::{EndpointId, NetworkId};
use crate::retry::Schedule;
use crate::signing::{PublicKey, Scheme};
use crate::time::Timestamp;

/// Most patterns one endpoint may list.
pub const MAX_PATTERNS: usize = 100;

/// Most characters in a description.
pub const MAX_DESCRIPTION: usize = 256;

/// An endpoint as stored. `url` was accepted under the address policy of the day it was saved and
/// is judged again before every attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Given when it is created and never changed.
    pub id: EndpointId,
    /// The network whose events it gets.
    pub network: NetworkId,
    /// The whole URL, query included: for sending, not for logging.
    pub url: String,
    /// The customer's own words, at most [`MAX_DESCRIPTION`] characters.
    pub description: Option<String>,
    /// At most [`MAX_PATTERNS`]; one that matches is enough.
    pub event_types: Vec<Pattern>,
    /// Which events of these types; `None` for all.
    pub filter: Option<Filter>,
    /// The shape of the body it gets.
    pub format: Format,
    /// Sent with every webhook, beside the headers Fanfare sets.
    pub headers: Vec<Header>,
    /// The one deadline of an attempt.
    pub timeout: Timeout,
    /// Its own retry schedule; `None` for the default.
    pub schedule: Option<Schedule>,
    /// How much it is sent at once and per second.
    pub limits: Limits,
    /// The version that set its rate; 0 without a rate, and when nobody knows. A moment kept for an
    /// attempt by another rate, or by the same that was gone meanwhile, counts for nothing.
    pub rate_since: u64,
    /// Of which attempts the whole answer is kept.
    pub keep_responses: KeepResponses,
    /// Why nothing is sent to it; `None` while it is enabled.
    pub disabled: Option<Disabled>,
    /// How new webhooks are signed.
    pub signing: Scheme,
    /// The public halves of its live key pairs, newest first; until when each may still sign.
    pub public_keys: Vec<Published>,
    /// Where its signing keys lie; the keys themselves are not in the record.
    pub secret: SecretRef,
    /// When its TLS certificate ends, as last seen at a handshake.
    pub certificate_ends: Option<Timestamp>,
    /// Grows by one with every change; the `ETag` of the API.
    pub version: u64,
    /// When it was first saved.
    pub created: Timestamp,
    /// When it last changed; equals `created` until it first does.
    pub updated: Timestamp,
}

/// The shape of a webhook's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `{event, id, networkId, timestamp, version, data}`.
    #[default]
    Fanfare,
    /// `{event, data}`, byte for byte what social.plus sends.
    SocialPlus,
}

impl Format {
    /// What the API and the store call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fanfare => "fanfare",
            Self::SocialPlus => "social.plus",
        }
    }

    /// `None` for any other word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Fanfare, Self::SocialPlus]
            .into_iter()
            .find(|format| format.word() == word)
    }
}

/// Of which attempts the whole answer is kept, up to 16 KiB; of the others only its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepResponses {
    /// Of those that failed.
    #[default]
    Failures,
    /// Of those that succeeded too, for one more write each.
    All,
}

impl KeepResponses {
    /// What the API and the store call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::All => "all",
        }
    }

    /// `None` for any other word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Failures, Self::All]
            .into_iter()
            .find(|keep| keep.word() == word)
    }

    /// Whether the whole answer to an attempt with this outcome is kept.
    #[must_use]
    pub fn includes(self, outcome: Outcome) -> bool {
        match self {
            Self::Failures => outcome == Outcome::Failed,
            Self::All => true,
        }
    }
}

/// How long an attempt may take in all: whole seconds, 1 to 30.
/// Source: Standard Webhooks advises 15–30 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(u8);

impl Timeout {
    /// The longest: what the dispatcher's own timeout has room for.
    pub const MAX: Self = Self(30);

    /// `None` outside 1 to 30.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Option<Self> {
        let seconds = u8::try_from(seconds).ok()?;
        (1..=Self::MAX.0)
            .contains(&seconds)
            .then_some(Self(seconds))
    }

    /// From 1 to 30.
    #[must_use]
    pub const fn seconds(self) -> u8 {
        self.0
    }

    /// The same as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl Default for Timeout {
    /// 15 s.
    fn default() -> Self {
        Self(15)
    }
}

/// How much an endpoint is sent; `None` is without limit and costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Attempts under way at the same time, over all dispatchers: 1 to [`MAX_IN_FLIGHT`].
    pub max_in_flight: Option<u32>,
    /// Attempts begun per second, over all dispatchers: 1 to [`MAX_RATE`].
    pub rate_per_second: Option<u32>,
}

/// Most attempts at the same time that a limit may name.
pub const MAX_IN_FLIGHT: u32 = 100;

/// Most attempts per second that a limit may name: each one is a write to one item, and DynamoDB
/// takes 1,000 a second.
pub const MAX_RATE: u32 = 500;

/// Since when and why an endpoint gets nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// One of the words of [`disabled`], or the operator's own.
    pub reason: String,
    /// When it was switched off.
    pub at: Timestamp,
}

/// The reasons for which Fanfare itself disables an endpoint, and the one of an API call without
/// another.
pub mod disabled {
    /// Switched off through the API.
    pub const BY_REQUEST: &str = "by_request";
    /// The receiver answered 410 Gone.
    pub const GONE: &str = "gone";
    /// The receiver asked for it with `webhook-delivery: disable`.
    pub const ASKED: &str = "receiver_asked";
    /// It failed for five days without one success.
    pub const FAILING: &str = "failing";

    /// Most characters of an operator's own reason.
    pub const MAX_REASON: usize = 256;

    /// The reason in words; one that is none of these is the operator's own.
    #[must_use]
    pub fn explain(reason: &str) -> String {
        match reason {
            BY_REQUEST => "it was switched off through the API".to_owned(),
            GONE => "its receiver answered 410 Gone".to_owned(),
            ASKED => "its receiver asked for it with webhook-delivery: disable".to_owned(),
            FAILING => "it failed for five days without one success".to_owned(),
            own => format!("the operator's reason is: {own}"),
        }
    }
}

/// A public key and until when it may still sign; `None` for the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// What receivers verify with.
    pub key: PublicKey,
    /// The end of its grace, once it was rotated out.
    pub until: Option<Timestamp>,
}

/// Where the signing keys and sensitive header values lie in the vault: which key ring of the
/// network, and which version of what it keeps of this endpoint. No other version counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRef {
    /// Which of the network's key rings, from 0.
    pub ring: u32,
    /// The version's number, from 1; a later change has a higher one.
    pub generation: u64,
}

impl Endpoint {
    /// The same, made from one with the limits `before`, whose rate the version `since` set: a rate that
    /// goes on is as old as it was, and any other begins with this version.
    #[must_use]
    pub fn going_on_from(self, before: Limits, since: u64) -> Self {
        let goes_on = self.limits.rate_per_second == before.rate_per_second;
        let set = if goes_on { since } else { self.version };
        let rate_since = self.limits.rate_per_second.map_or(0, |_| set);
        Self { rate_since, ..self }
    }

    /// Whether new events are sent to it.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.disabled.is_none()
    }

    /// Its own schedule or the default.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        self.schedule.clone().unwrap_or_default()
    }

    /// Whether its patterns choose `event_type`.
    #[must_use]
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.event_types
            .iter()
            .any(|pattern| pattern.matches(event_type))
    }
}

#[cfg(test)]
impl Endpoint {
    /// Any endpoint, for the tests of this crate.
    pub(crate) fn sample() -> Self {
        Self {
            id: EndpointId::from_bytes([1; 16]),
            network: NetworkId::parse("demo").unwrap(),
            url: "https://example.com/".to_owned(),
            description: None,
            event_types: Vec::new(),
            filter: None,
            format: Format::default(),
            headers: Vec::new(),
            timeout: Timeout::default(),
            schedule: None,
            limits: Limits::default(),
            rate_since: 0,
            keep_responses: KeepResponses::default(),
            disabled: None,
            signing: Scheme::default(),
            public_keys: Vec::new(),
            secret: SecretRef {
                ring: 0,
                generation: 1,
            },
            certificate_ends: None,
            version: 1,
            created: Timestamp::EPOCH,
            updated: Timestamp::EPOCH,
        }
    }
}

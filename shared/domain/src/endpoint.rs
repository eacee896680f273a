//! A customer's webhook endpoint.

use crate::event_type::{EventType, Pattern};
use crate::id::{EndpointId, NetworkId};
use crate::time::Timestamp;

/// Most patterns one endpoint may list.
pub const MAX_PATTERNS: usize = 100;

/// Most characters in a description.
pub const MAX_DESCRIPTION: usize = 256;

/// An endpoint as stored. `url` was accepted under the address policy of the day it was saved and
/// is judged again before every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// When false, new events are not delivered to it.
    pub enabled: bool,
    /// Where its signing secret lies; the secret itself is not in the record.
    pub secret: SecretRef,
    /// Grows by one with every change; the `ETag` of the API.
    pub version: u64,
    /// When it was first saved.
    pub created: Timestamp,
    /// When it last changed; equals `created` until it first does.
    pub updated: Timestamp,
}

/// Where the signing secret lies in the vault: which key ring of the network, and which
/// generation of this endpoint's entry in it. A cached ring with an older generation is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRef {
    /// Which of the network's key rings, from 0.
    pub ring: u32,
    /// Of this endpoint's entry in the ring, from 1.
    pub generation: u64,
}

impl Endpoint {
    /// Whether its patterns choose `event_type`.
    #[must_use]
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.event_types
            .iter()
            .any(|pattern| pattern.matches(event_type))
    }
}

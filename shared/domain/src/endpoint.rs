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
    pub id: EndpointId,
    pub network: NetworkId,
    pub url: String,
    pub description: Option<String>,
    pub event_types: Vec<Pattern>,
    pub enabled: bool,
    pub secret: SecretRef,
    /// Grows by one with every change; the `ETag` of the API.
    pub version: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// Where the signing secret lies in the vault: which key ring of the network, and which
/// generation of this endpoint's entry in it. A cached ring with an older generation is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRef {
    pub ring: u32,
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

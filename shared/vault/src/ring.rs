//! A key ring and its JSON form.

use std::collections::BTreeMap;

use domain::id::EndpointId;
use domain::signing::Secret;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Secrets Manager's limit for one secret value.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Secrets by endpoint. Wiped from memory when dropped.
#[derive(Clone, Default)]
pub(crate) struct Ring(BTreeMap<EndpointId, Entry>);

#[derive(Clone)]
struct Entry {
    generation: u64,
    /// Newest first; every live one signs.
    secrets: Vec<Secret>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    endpoints: BTreeMap<String, WireEntry>,
}

#[derive(Serialize, Deserialize)]
struct WireEntry {
    generation: u64,
    secrets: Vec<String>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        for entry in self.endpoints.values_mut() {
            entry.secrets.zeroize();
        }
    }
}

impl Ring {
    /// The secrets of `endpoint`, unless they are older than `generation`.
    pub(crate) fn find(&self, endpoint: EndpointId, generation: u64) -> Option<Vec<Secret>> {
        let entry = self.0.get(&endpoint)?;
        (entry.generation >= generation).then(|| entry.secrets.clone())
    }

    pub(crate) fn put(&mut self, endpoint: EndpointId, generation: u64, secret: &Secret) {
        self.0.insert(
            endpoint,
            Entry {
                generation,
                secrets: vec![secret.clone()],
            },
        );
    }

    pub(crate) fn remove(&mut self, endpoint: EndpointId) {
        self.0.remove(&endpoint);
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let endpoints = self.0.iter().map(|(id, entry)| {
            let secrets = entry
                .secrets
                .iter()
                .map(|secret| secret.expose().to_owned())
                .collect();
            (
                id.to_string(),
                WireEntry {
                    generation: entry.generation,
                    secrets,
                },
            )
        });
        let wire = Wire {
            endpoints: endpoints.collect(),
        };
        Zeroizing::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// `None` when `text` is not a ring; a single bad entry makes it unreadable, because writing
    /// it back without that entry would lose a secret.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let mut ring = Self::default();
        for (id, entry) in &wire.endpoints {
            let secrets = entry
                .secrets
                .iter()
                .map(|text| Secret::parse(text))
                .collect::<Option<_>>()?;
            ring.0.insert(
                EndpointId::parse(id)?,
                Entry {
                    generation: entry.generation,
                    secrets,
                },
            );
        }
        Some(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_comes_back_whole_and_knows_its_generations() {
        let [a, b] = [1, 2].map(|n| EndpointId::from_bytes([n; 16]));
        let secret = Secret::generate([7; 32]);
        let mut ring = Ring::default();
        ring.put(a, 3, &secret);
        ring.put(b, 1, &secret);
        ring.remove(b);
        let again = Ring::from_text(&ring.to_text()).unwrap();
        assert_eq!(again.find(a, 3), Some(vec![secret.clone()]));
        assert_eq!(again.find(a, 2), Some(vec![secret]));
        assert_eq!(again.find(a, 4), None, "a newer generation is wanted");
        assert_eq!(again.find(b, 1), None);
        assert!(
            Ring::from_text("{\"endpoints\":{\"x\":{\"generation\":1,\"secrets\":[]}}}").is_none()
        );
        assert!(Ring::from_text("").is_none());
    }

    #[test]
    fn several_hundred_endpoints_fit_one_ring() {
        let mut ring = Ring::default();
        for n in 0..500_u128 {
            ring.put(
                EndpointId::from_bytes(n.to_be_bytes()),
                1,
                &Secret::generate([1; 32]),
            );
        }
        assert!(ring.to_text().len() < MAX_BYTES);
    }
}

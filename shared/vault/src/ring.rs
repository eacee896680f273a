//! A key ring and its JSON form.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::id::EndpointId;
use domain::signing::Key;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Secrets Manager's limit for one secret value.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Most keys of one endpoint that sign at the same time.
/// Source: Svix keeps up to ten old keys.
const MAX_KEYS: usize = 10;

/// Entries by endpoint. Wiped from memory when dropped.
#[derive(Clone, Default)]
pub(crate) struct Ring(BTreeMap<EndpointId, Arc<Entry>>);

/// What is kept of one endpoint.
#[derive(Clone, Default)]
pub(crate) struct Entry {
    pub(crate) generation: u64,
    /// Newest first; the first has no end.
    keys: Vec<Live>,
    /// Values of sensitive headers by name.
    pub(crate) headers: Headers,
}

/// Values of sensitive headers by name.
pub type Headers = BTreeMap<String, Zeroizing<String>>;

#[derive(Clone)]
struct Live {
    key: Key,
    /// When it stops signing.
    until: Option<Timestamp>,
}

impl Entry {
    pub(crate) fn new(generation: u64, key: Key, headers: Headers) -> Self {
        Self {
            generation,
            keys: vec![Live { key, until: None }],
            headers,
        }
    }

    /// The keys that sign at `now`, newest first.
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        let live = self.keys.iter().filter(move |live| live.signs(now));
        live.map(|live| &live.key)
    }

    /// Puts `key` first; those before it sign until `grace_ends` at the latest.
    pub(crate) fn rotate(&mut self, key: Key, now: Timestamp, grace_ends: Timestamp) {
        self.keys.retain(|live| live.signs(now));
        for live in &mut self.keys {
            live.until = Some(live.until.map_or(grace_ends, |until| until.min(grace_ends)));
        }
        // One that ends at once need not be kept.
        self.keys.retain(|live| live.signs(now));
        self.keys.insert(0, Live { key, until: None });
        self.keys.truncate(MAX_KEYS);
    }

    /// Leaves the newest alone.
    pub(crate) fn revoke(&mut self) {
        self.keys.truncate(1);
    }
}

impl Live {
    fn signs(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// The key's text, and behind an `@` its end in milliseconds: base64 has no `@`.
    fn to_text(&self) -> String {
        match self.until {
            None => self.key.expose().to_owned(),
            Some(until) => format!("{}@{}", self.key.expose(), until.millis()),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (key, until) = match text.split_once('@') {
            None => (text, None),
            Some((key, until)) => (key, Some(Timestamp::from_millis(until.parse().ok()?))),
        };
        Some(Self {
            key: Key::parse(key)?,
            until,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    endpoints: BTreeMap<String, WireEntry>,
}

#[derive(Serialize, Deserialize)]
struct WireEntry {
    generation: u64,
    secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        for entry in self.endpoints.values_mut() {
            entry.secrets.zeroize();
            for value in entry.headers.values_mut() {
                value.zeroize();
            }
        }
    }
}

impl Ring {
    /// The entry of `endpoint`, unless it is older than `generation`.
    pub(crate) fn find(&self, endpoint: EndpointId, generation: u64) -> Option<&Arc<Entry>> {
        let entry = self.0.get(&endpoint)?;
        (entry.generation >= generation).then_some(entry)
    }

    pub(crate) fn get_mut(&mut self, endpoint: EndpointId) -> Option<&mut Entry> {
        self.0.get_mut(&endpoint).map(Arc::make_mut)
    }

    pub(crate) fn put(&mut self, endpoint: EndpointId, entry: Entry) {
        self.0.insert(endpoint, Arc::new(entry));
    }

    pub(crate) fn remove(&mut self, endpoint: EndpointId) {
        self.0.remove(&endpoint);
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let endpoints = self.0.iter().map(|(id, entry)| {
            let headers = entry.headers.iter();
            let wire = WireEntry {
                generation: entry.generation,
                secrets: entry.keys.iter().map(Live::to_text).collect(),
                headers: headers
                    .map(|(name, value)| (name.clone(), value.as_str().to_owned()))
                    .collect(),
            };
            (id.to_string(), wire)
        });
        let wire = Wire {
            endpoints: endpoints.collect(),
        };
        Zeroizing::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// `None` when `text` is not a ring; a single bad entry makes it unreadable, because writing
    /// it back without that entry would lose a key.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let mut ring = Self::default();
        for (id, entry) in &wire.endpoints {
            let keys = entry.secrets.iter().map(|text| Live::from_text(text));
            let headers = entry.headers.iter();
            let entry = Entry {
                generation: entry.generation,
                keys: keys.collect::<Option<_>>()?,
                headers: headers
                    .map(|(name, value)| (name.clone(), Zeroizing::new(value.clone())))
                    .collect(),
            };
            ring.put(EndpointId::parse(id)?, entry);
        }
        Some(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::signing::Scheme;
    use std::time::Duration;

    fn key(number: u8) -> Key {
        let scheme = if number.is_multiple_of(2) {
            Scheme::Ed25519
        } else {
            Scheme::Hmac
        };
        Key::generate(scheme, [number; 32])
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.after(Duration::from_secs(seconds))
    }

    fn live(entry: &Entry, now: Timestamp) -> Vec<Key> {
        entry.live(now).cloned().collect()
    }

    #[test]
    fn a_ring_comes_back_whole_and_knows_its_generations() {
        let [a, b] = [1, 2].map(|n| EndpointId::from_bytes([n; 16]));
        let secret = Zeroizing::new("Bearer x".to_owned());
        let headers = Headers::from([("authorization".to_owned(), secret)]);
        let mut ring = Ring::default();
        ring.put(a, Entry::new(3, key(7), headers.clone()));
        ring.get_mut(a).unwrap().rotate(key(8), at(0), at(60));
        ring.put(b, Entry::new(1, key(7), Headers::new()));
        ring.remove(b);
        let again = Ring::from_text(&ring.to_text()).unwrap();
        let entry = again.find(a, 3).unwrap();
        assert_eq!(live(entry, at(59)), [key(8), key(7)]);
        assert_eq!(live(entry, at(60)), [key(8)], "the grace is over");
        assert_eq!(entry.headers, headers);
        assert!(again.find(a, 2).is_some());
        assert!(again.find(a, 4).is_none(), "a newer generation is wanted");
        assert!(again.find(b, 1).is_none());
        assert!(
            Ring::from_text("{\"endpoints\":{\"x\":{\"generation\":1,\"secrets\":[]}}}").is_none()
        );
        assert!(Ring::from_text("").is_none());
    }

    #[test]
    fn old_keys_sign_until_the_earliest_end_they_were_given() {
        let mut entry = Entry::new(1, key(1), Headers::new());
        entry.rotate(key(2), at(0), at(100));
        entry.rotate(key(3), at(10), at(50));
        entry.rotate(key(4), at(20), at(900));
        assert_eq!(live(&entry, at(20)), [key(4), key(3), key(2), key(1)]);
        assert_eq!(live(&entry, at(50)), [key(4), key(3)]);
        entry.rotate(key(5), at(60), at(60));
        assert_eq!(live(&entry, at(60)), [key(5)], "no grace at all");
        entry.rotate(key(6), at(60), at(99));
        entry.revoke();
        assert_eq!(live(&entry, at(60)), [key(6)]);
        for number in 10..40 {
            entry.rotate(key(number), at(60), at(99));
        }
        assert_eq!(live(&entry, at(60)).len(), MAX_KEYS);
    }

    #[test]
    fn several_hundred_endpoints_fit_one_ring() {
        let mut ring = Ring::default();
        for n in 0..500_u128 {
            let entry = Entry::new(1, key(1), Headers::new());
            ring.put(EndpointId::from_bytes(n.to_be_bytes()), entry);
        }
        assert!(ring.to_text().len() < MAX_BYTES);
    }
}

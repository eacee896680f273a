//! A key ring and its JSON form.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use domain::id::EndpointId;
use domain::signing::Key;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Secrets Manager's limit for one secret value.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Most keys of one endpoint that sign at the same time, the newest included.
/// Source: Svix keeps up to ten old keys.
pub const MAX_KEYS: usize = 10;

/// Versions by endpoint. Wiped from memory when dropped.
#[derive(Clone, Default)]
pub(crate) struct Ring(BTreeMap<EndpointId, Versions>);

/// What is kept of one endpoint, by generation. No version ever changes, and no generation is given
/// twice; which one counts is for the endpoint's record to say.
#[derive(Clone, Default)]
struct Versions {
    kept: BTreeMap<u64, Arc<Entry>>,
    /// The generation of one from before there were versions: records of lower ones mean it too.
    old: Option<u64>,
}

/// What an endpoint signs and is sent with.
#[derive(Clone)]
pub(crate) struct Entry {
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
    pub(crate) fn new(key: Key, headers: Headers) -> Self {
        Self {
            keys: vec![Live { key, until: None }],
            headers,
        }
    }

    /// The keys that sign at `now`, newest first.
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        let live = self.keys.iter().filter(move |live| live.signs(now));
        live.map(|live| &live.key)
    }

    /// With `key` first; those before it sign until `grace_ends` at the latest. `None` when that
    /// were more than [`MAX_KEYS`]: each was promised its grace.
    pub(crate) fn rotated(&self, key: Key, now: Timestamp, grace_ends: Timestamp) -> Option<Self> {
        let mut keys = vec![Live { key, until: None }];
        let former = self.keys.iter().map(|live| Live {
            key: live.key.clone(),
            until: Some(live.until.map_or(grace_ends, |until| until.min(grace_ends))),
        });
        keys.extend(former.filter(|live| live.signs(now)));
        (keys.len() <= MAX_KEYS).then(|| Self {
            keys,
            headers: self.headers.clone(),
        })
    }

    /// With the newest key alone.
    pub(crate) fn revoked(&self) -> Self {
        Self {
            keys: self.keys.iter().take(1).cloned().collect(),
            headers: self.headers.clone(),
        }
    }

    pub(crate) fn with_headers(&self, headers: Headers) -> Self {
        Self {
            keys: self.keys.clone(),
            headers,
        }
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
    endpoints: BTreeMap<String, WireVersions>,
}

#[derive(Serialize, Deserialize)]
struct WireVersions {
    #[serde(default)]
    versions: BTreeMap<u64, WireEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old: Option<u64>,
    /// As it was before there were versions: an entry beside its generation. Read, never written.
    #[serde(default, skip_serializing)]
    generation: Option<u64>,
    #[serde(default, skip_serializing)]
    secrets: Vec<String>,
    #[serde(default, skip_serializing)]
    headers: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct WireEntry {
    secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

impl Drop for WireVersions {
    fn drop(&mut self) {
        self.secrets.zeroize();
        self.headers.values_mut().for_each(Zeroize::zeroize);
    }
}

impl Drop for WireEntry {
    fn drop(&mut self) {
        self.secrets.zeroize();
        self.headers.values_mut().for_each(Zeroize::zeroize);
    }
}

impl WireEntry {
    fn of(entry: &Entry) -> Self {
        let headers = entry.headers.iter();
        Self {
            secrets: entry.keys.iter().map(Live::to_text).collect(),
            headers: headers
                .map(|(name, value)| (name.clone(), value.as_str().to_owned()))
                .collect(),
        }
    }
}

fn read_entry(secrets: &[String], headers: &BTreeMap<String, String>) -> Option<Arc<Entry>> {
    let keys = secrets.iter().map(|text| Live::from_text(text));
    let headers = headers.iter();
    Some(Arc::new(Entry {
        keys: keys.collect::<Option<_>>()?,
        headers: headers
            .map(|(name, value)| (name.clone(), Zeroizing::new(value.clone())))
            .collect(),
    }))
}

impl Versions {
    fn to_wire(&self) -> WireVersions {
        let versions = self.kept.iter();
        WireVersions {
            versions: versions
                .map(|(generation, entry)| (*generation, WireEntry::of(entry)))
                .collect(),
            old: self.old,
            generation: None,
            secrets: Vec::new(),
            headers: BTreeMap::new(),
        }
    }

    fn from_wire(wire: &WireVersions) -> Option<Self> {
        let mut versions = Self {
            old: wire.old.or(wire.generation),
            ..Self::default()
        };
        for (generation, entry) in &wire.versions {
            let entry = read_entry(&entry.secrets, &entry.headers)?;
            versions.kept.insert(*generation, entry);
        }
        if let Some(generation) = wire.generation {
            let entry = read_entry(&wire.secrets, &wire.headers)?;
            versions.kept.insert(generation, entry);
        }
        (!versions.kept.is_empty()).then_some(versions)
    }
}

impl Ring {
    /// The version of `endpoint` that a record of `generation` means; never another.
    pub(crate) fn find(&self, endpoint: EndpointId, generation: u64) -> Option<&Arc<Entry>> {
        let versions = self.0.get(&endpoint)?;
        let old = versions.old.filter(|old| generation < *old);
        versions.kept.get(&old.unwrap_or(generation))
    }

    /// Adds a version and gives its generation: higher than `after` and any there is.
    pub(crate) fn add(&mut self, endpoint: EndpointId, after: u64, entry: Arc<Entry>) -> u64 {
        let versions = self.0.entry(endpoint).or_default();
        let last = versions.kept.keys().next_back();
        let generation = last
            .map_or(after, |last| after.max(*last))
            .saturating_add(1);
        versions.kept.insert(generation, entry);
        generation
    }

    /// Drops the versions of lower generations.
    pub(crate) fn drop_before(&mut self, endpoint: EndpointId, generation: u64) {
        self.retain(endpoint, |kept| kept >= generation);
    }

    /// Drops one version.
    pub(crate) fn drop_one(&mut self, endpoint: EndpointId, generation: u64) {
        self.retain(endpoint, |kept| kept != generation);
    }

    fn retain(&mut self, endpoint: EndpointId, keep: impl Fn(u64) -> bool) {
        if let Some(versions) = self.0.get_mut(&endpoint) {
            versions.kept.retain(|generation, _| keep(*generation));
            versions.old = versions.old.filter(|old| keep(*old));
            if versions.kept.is_empty() {
                self.remove(endpoint);
            }
        }
    }

    pub(crate) fn has(&self, endpoint: EndpointId) -> bool {
        self.0.contains_key(&endpoint)
    }

    pub(crate) fn remove(&mut self, endpoint: EndpointId) {
        self.0.remove(&endpoint);
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let endpoints = self.0.iter();
        let wire = Wire {
            endpoints: endpoints
                .map(|(id, versions)| (id.to_string(), versions.to_wire()))
                .collect(),
        };
        write(&wire)
    }

    /// `None` when `text` is not a ring; a single bad entry makes it unreadable, because writing
    /// it back without that entry would lose a key.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let mut ring = Self::default();
        for (id, versions) in &wire.endpoints {
            let versions = Versions::from_wire(versions)?;
            ring.0.insert(EndpointId::parse(id)?, versions);
        }
        Some(ring)
    }
}

/// Its JSON, in one piece of memory that is wiped. A buffer that grows would leave copies behind of what
/// was written so far, which nobody wipes: so the length is found out first.
fn write(wire: &impl Serialize) -> Zeroizing<String> {
    let mut length = Length(0);
    // Neither can fail: these maps have text for keys, and memory takes what is written.
    let _ = serde_json::to_writer(&mut length, wire);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    let _ = serde_json::to_writer(&mut *bytes, wire);
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    Zeroizing::new(text.unwrap_or_default())
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

    fn valued(value: &str) -> Headers {
        let value = Zeroizing::new(value.to_owned());
        Headers::from([("authorization".to_owned(), value)])
    }

    /// What is sent by records of the generations from 0.
    fn sent(ring: &Ring, id: EndpointId, generations: u64) -> Vec<Option<&str>> {
        let found = (0..generations).map(|generation| ring.find(id, generation));
        found
            .map(|entry| entry.map(|entry| entry.headers["authorization"].as_str()))
            .collect()
    }

    #[test]
    fn its_text_never_grew_so_no_copy_of_it_is_left() {
        for endpoints in [0, 1, 7, 40] {
            let mut ring = Ring::default();
            for number in 0..endpoints {
                let entry = Entry::new(key(number), valued("Bearer \"quoted\" ü"));
                ring.add(EndpointId::from_bytes([number; 16]), 0, Arc::new(entry));
            }
            let text = ring.to_text();
            assert_eq!(text.capacity(), text.len(), "reserved as it is");
            let read = Ring::from_text(&text).unwrap();
            assert_eq!(read.to_text(), text);
        }
    }

    #[test]
    fn a_record_gets_the_version_that_it_names_and_never_another() {
        let id = EndpointId::from_bytes([1; 16]);
        let mut ring = Ring::default();
        let version = |value: &str| Arc::new(Entry::new(key(7), valued(value)));
        let added = |ring: &mut Ring, named: u64, value: &str| {
            ring.drop_before(id, named);
            ring.add(id, named, version(value))
        };
        assert_eq!(ring.add(id, 0, version("first")), 1);
        // Three changes of a record that names 1: one of them wins, whichever.
        assert_eq!(added(&mut ring, 1, "a"), 2);
        assert_eq!(added(&mut ring, 1, "b"), 3);
        assert_eq!(added(&mut ring, 1, "c"), 4);
        let all = [None, Some("first"), Some("a"), Some("b"), Some("c"), None];
        assert_eq!(sent(&ring, id, 6), all);
        // It was `b`: the next change knows that nobody can win with a lower one any more.
        assert_eq!(added(&mut ring, 3, "d"), 5);
        let all = [None, None, None, Some("b"), Some("c"), Some("d")];
        assert_eq!(sent(&ring, id, 6), all);
        ring.drop_one(id, 5);
        assert_eq!(ring.add(id, 90, version("e")), 91, "numbers of elsewhere");
        ring.drop_before(id, 92);
        assert!(!ring.0.contains_key(&id), "nothing is left of it");
    }

    #[test]
    fn rings_from_before_there_were_versions_are_read_and_their_records_find_what_they_mean() {
        let id = EndpointId::from_bytes([1; 16]);
        let key = key(7);
        // A change that was refused left a higher generation than the record names.
        let old = format!(
            r#"{{"endpoints":{{"{id}":{{"generation":3,"secrets":["{}"],"headers":{{"authorization":"old"}}}}}}}}"#,
            key.expose()
        );
        let mut ring = Ring::from_text(&old).unwrap();
        let all = [Some("old"), Some("old"), Some("old"), Some("old"), None];
        assert_eq!(sent(&ring, id, 5), all);
        assert_eq!(live(ring.find(id, 2).unwrap(), at(0)), [key]);

        ring.drop_before(id, 2);
        let new = ring.find(id, 2).unwrap().with_headers(valued("new"));
        assert_eq!(ring.add(id, 2, Arc::new(new)), 4);
        let mut ring = Ring::from_text(&ring.to_text()).unwrap();
        let all = [
            Some("old"),
            Some("old"),
            Some("old"),
            Some("old"),
            Some("new"),
        ];
        assert_eq!(sent(&ring, id, 5), all);
        ring.drop_before(id, 4);
        let ring = Ring::from_text(&ring.to_text()).unwrap();
        assert_eq!(sent(&ring, id, 5), [None, None, None, None, Some("new")]);
    }

    #[test]
    fn a_ring_comes_back_whole() {
        let [a, b] = [1, 2].map(|n| EndpointId::from_bytes([n; 16]));
        let headers = valued("Bearer x");
        let first = Entry::new(key(7), headers.clone());
        let second = first.rotated(key(8), at(0), at(60)).unwrap();
        let mut ring = Ring::default();
        ring.add(a, 2, Arc::new(first));
        ring.add(a, 2, Arc::new(second));
        ring.add(b, 0, Arc::new(Entry::new(key(7), Headers::new())));
        ring.remove(b);
        let again = Ring::from_text(&ring.to_text()).unwrap();
        assert_eq!(live(again.find(a, 3).unwrap(), at(0)), [key(7)]);
        let entry = again.find(a, 4).unwrap();
        assert_eq!(live(entry, at(59)), [key(8), key(7)]);
        assert_eq!(live(entry, at(60)), [key(8)], "the grace is over");
        assert_eq!(entry.headers, headers);
        assert!(again.find(b, 1).is_none());
        for bad in [
            "",
            r#"{"endpoints":{"x":{"generation":1,"secrets":[]}}}"#,
            r#"{"endpoints":{"00000000000000000000000000":{}}}"#,
        ] {
            assert!(Ring::from_text(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn old_keys_sign_until_the_earliest_end_they_were_given() {
        let entry = Entry::new(key(1), Headers::new());
        let entry = entry.rotated(key(2), at(0), at(100)).unwrap();
        let entry = entry.rotated(key(3), at(10), at(50)).unwrap();
        let entry = entry.rotated(key(4), at(20), at(900)).unwrap();
        assert_eq!(live(&entry, at(20)), [key(4), key(3), key(2), key(1)]);
        assert_eq!(live(&entry, at(50)), [key(4), key(3)]);
        let entry = entry.rotated(key(5), at(60), at(60)).unwrap();
        assert_eq!(live(&entry, at(60)), [key(5)], "no grace at all");
        let entry = entry.rotated(key(6), at(60), at(99)).unwrap();
        assert_eq!(live(&entry.revoked(), at(60)), [key(6)]);
    }

    #[test]
    fn no_rotation_ends_a_grace_that_was_promised() {
        let mut entry = Entry::new(key(0), Headers::new());
        for number in 1..10 {
            let seconds = u64::from(number);
            entry = entry
                .rotated(key(number), at(seconds), at(100 + seconds))
                .unwrap();
        }
        assert_eq!(live(&entry, at(10)).len(), MAX_KEYS);
        assert!(entry.rotated(key(10), at(10), at(900)).is_none());
        assert!(entry.rotated(key(10), at(100), at(900)).is_none());
        // The first one's grace is over then.
        let later = entry.rotated(key(10), at(101), at(900)).unwrap();
        assert_eq!(live(&later, at(101)).len(), MAX_KEYS);
        let alone = entry.rotated(key(10), at(10), at(10)).unwrap();
        assert_eq!(live(&alone, at(10)), [key(10)], "asked for");
        assert!(entry.revoked().rotated(key(10), at(10), at(900)).is_some());
    }

    #[test]
    fn several_hundred_endpoints_fit_one_ring() {
        let mut ring = Ring::default();
        for n in 0..500_u128 {
            let entry = Entry::new(key(1), Headers::new());
            ring.add(EndpointId::from_bytes(n.to_be_bytes()), 0, Arc::new(entry));
        }
        assert!(ring.to_text().len() < MAX_BYTES);
    }
}

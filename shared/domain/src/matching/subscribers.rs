//! The endpoints of a network, arranged by what they ask for.

use std::collections::{BTreeSet, HashMap};

use crate::endpoint::Endpoint;
use crate::event_type::{EventType, Pattern};
use crate::id::EndpointId;

/// A network's endpoints, in the order they were given.
///
/// Most endpoints ask for a few types by name, and most events are none of those: finding who asks
/// costs as much as there are such endpoints, plus all that have a `*` in a pattern.
#[derive(Debug, Default)]
pub struct Subscribers {
    endpoints: Vec<Endpoint>,
    by_id: HashMap<EndpointId, usize>,
    /// Those that ask by name alone, under each of the names. Places are in ascending order.
    named: HashMap<EventType, Vec<usize>>,
    /// Those with a `*` somewhere: what they ask for is looked at for each event.
    broad: Vec<usize>,
}

impl Subscribers {
    /// The endpoint with this id.
    #[must_use]
    pub fn get(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(*self.by_id.get(&id)?)
    }

    /// Each endpoint that asks for the type, enabled or not, once and in the order given; what
    /// their filters say is not asked.
    pub fn asking_for(&self, event_type: &EventType) -> impl Iterator<Item = &Endpoint> {
        let named = self.named.get(event_type).into_iter().flatten();
        let endpoint = |place: &usize| self.endpoints.get(*place);
        let broad = self.broad.iter().filter(move |place| {
            endpoint(place).is_some_and(|endpoint| endpoint.wants(event_type))
        });
        // No endpoint is in both, so merging the two keeps order and doubles none.
        let mut places: Vec<usize> = named.chain(broad).copied().collect();
        places.sort_unstable();
        places
            .into_iter()
            .filter_map(move |place| self.endpoints.get(place))
    }
}

impl FromIterator<Endpoint> for Subscribers {
    fn from_iter<I: IntoIterator<Item = Endpoint>>(endpoints: I) -> Self {
        let mut subscribers = Self::default();
        for (place, endpoint) in endpoints.into_iter().enumerate() {
            match names(&endpoint) {
                Some(names) => {
                    for name in names {
                        let places = subscribers.named.entry(name.clone()).or_default();
                        places.push(place);
                    }
                }
                None => subscribers.broad.push(place),
            }
            subscribers.by_id.insert(endpoint.id, place);
            subscribers.endpoints.push(endpoint);
        }
        subscribers
    }
}

/// The names it asks for, each once; `None` when one of its patterns is no name.
fn names(endpoint: &Endpoint) -> Option<BTreeSet<&EventType>> {
    let patterns = endpoint.event_types.iter();
    patterns
        .map(|pattern| match pattern {
            Pattern::Exactly(name) => Some(name),
            Pattern::Any | Pattern::Below(_) => None,
        })
        .collect()
}

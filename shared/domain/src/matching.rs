//! Fan-out: one event, the endpoints of its network, and what each of them gets.

mod subscribers;

use serde_json::Value;

pub use self::subscribers::Subscribers;
use crate::endpoint::Endpoint;
use crate::envelope;
use crate::event::Event;
use crate::id::{DeliveryId, EndpointId};

/// What one endpoint gets of one event. Endpoints that did not ask for the type are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// One that asked for the type of the event.
    pub endpoint: EndpointId,
    /// What becomes of the delivery that is owed to it.
    pub verdict: Verdict,
}

/// What becomes of an event at an endpoint that asked for its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Deliver,
    /// The endpoint is switched off: the delivery is parked until it is resumed.
    Disabled,
}

impl Destination {
    /// The delivery owed.
    #[must_use]
    pub fn delivery(&self, event: &Event) -> DeliveryId {
        DeliveryId::of(self.endpoint, event.accepted, &event.id)
    }
}

/// Whom an event may reach, before anyone's wishes are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// Every endpoint that asks for the type.
    #[default]
    Everyone,
    /// This one alone, whatever it asks for: a test.
    Only(EndpointId),
    /// Every one that asks for the type, but not this one: news about itself.
    AllBut(EndpointId),
}

/// Decides for every endpoint that the event may reach, in the order of the network's list.
#[must_use]
pub fn plan(event: &Event, audience: Audience, network: &Subscribers) -> Vec<Destination> {
    // Parsed once, and only if someone filters.
    let mut body = None;
    let mut chosen = |endpoint: &Endpoint| {
        endpoint.filter.as_ref().is_none_or(|filter| {
            let body: &Value = body.get_or_insert_with(|| envelope::value(event));
            filter.matches(body)
        })
    };
    let asking = network.asking_for(&event.event_type);
    match audience {
        Audience::Everyone => asking
            .filter(|&endpoint| chosen(endpoint))
            .map(destination)
            .collect(),
        Audience::Only(only) => network.get(only).map(destination).into_iter().collect(),
        Audience::AllBut(about) => asking
            .filter(|&endpoint| endpoint.id != about && chosen(endpoint))
            .map(destination)
            .collect(),
    }
}

fn destination(endpoint: &Endpoint) -> Destination {
    Destination {
        endpoint: endpoint.id,
        verdict: if endpoint.is_enabled() {
            Verdict::Deliver
        } else {
            Verdict::Disabled
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Disabled, disabled};
    use crate::event_type::{EventType, Pattern};
    use crate::filter::Filter;
    use crate::id::{EventId, NetworkId};
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use std::collections::HashSet;

    fn endpoint(number: u8, pattern: &str, enabled: bool) -> Endpoint {
        Endpoint {
            id: EndpointId::from_bytes([number; 16]),
            event_types: vec![Pattern::parse(pattern).unwrap()],
            disabled: (!enabled).then(|| Disabled {
                reason: disabled::BY_REQUEST.to_owned(),
                at: Timestamp::EPOCH,
            }),
            ..Endpoint::sample()
        }
    }

    fn event(event_type: &str) -> Event {
        Event {
            id: EventId::parse("evt_1").unwrap(),
            network: NetworkId::parse("demo").unwrap(),
            event_type: EventType::parse(event_type).unwrap(),
            data: RawValue::from_string("{}".to_owned()).unwrap(),
            timestamp: Timestamp::default(),
            version: "1".to_owned(),
            accepted: Timestamp::from_millis(7),
        }
    }

    #[test]
    fn a_filter_sees_the_body_and_leaves_out_what_it_does_not_match() {
        let filters = [
            (r#"{"data":{"user":{"role":["admin"]}}}"#, true),
            (
                r#"{"data":{"user":{"role":[{"anything-but":"admin"}]}}}"#,
                false,
            ),
            (r#"{"event":[{"prefix":"a."}],"networkId":["demo"]}"#, true),
            (r#"{"version":["2"]}"#, false),
        ];
        let mut event = event("a.b");
        event.data = RawValue::from_string(r#"{"user":{"role":"admin"}}"#.to_owned()).unwrap();
        for (text, expected) in filters {
            let filtering = Endpoint {
                filter: Some(Filter::parse(text).unwrap()),
                ..endpoint(1, "*", true)
            };
            let planned = plan(
                &event,
                Audience::Everyone,
                &Subscribers::from_iter([filtering]),
            );
            assert_eq!(!planned.is_empty(), expected, "{text}");
        }
    }

    const PATTERNS: [&str; 5] = ["*", "a.*", "a.b", "a.c", "c"];

    proptest! {
        /// The plain way: each endpoint of the list is asked about the event.
        #[test]
        fn fan_out_loses_none_and_doubles_none(
            choices in proptest::collection::vec((proptest::sample::subsequence(&PATTERNS, 1..4), any::<bool>()), 0..40)
        ) {
            let endpoints: Vec<_> = choices.iter().zip(0_u8..).map(|((patterns, enabled), n)| {
                let event_types = patterns.iter().cycle().take(4).map(|pattern| Pattern::parse(pattern).unwrap());
                Endpoint { event_types: event_types.collect(), ..endpoint(n, "c", *enabled) }
            }).collect();
            let network: Subscribers = endpoints.iter().cloned().collect();
            let event = event("a.b");
            let planned = plan(&event, Audience::Everyone, &network);
            let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(&event.event_type));
            let wanted: Vec<_> = wanting.map(destination).collect();
            prop_assert_eq!(&planned, &wanted);
            let deliveries: HashSet<_> = planned.iter().map(|d| d.delivery(&event)).collect();
            prop_assert_eq!(deliveries.len(), wanted.len());
            for endpoint in &endpoints {
                prop_assert_eq!(network.get(endpoint.id), Some(endpoint));
                prop_assert_eq!(plan(&event, Audience::Only(endpoint.id), &network), [destination(endpoint)]);
                let others: Vec<_> = wanted.iter().filter(|d| d.endpoint != endpoint.id).copied().collect();
                prop_assert_eq!(plan(&event, Audience::AllBut(endpoint.id), &network), others);
            }
        }
    }
}

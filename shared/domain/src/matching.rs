//! Fan-out: one event, the endpoints of its network, and what each of them gets.

use serde_json::Value;

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

/// Decides for every endpoint of the network, in the order given.
#[must_use]
pub fn plan(event: &Event, audience: Audience, endpoints: &[Endpoint]) -> Vec<Destination> {
    // Parsed once, and only if someone filters.
    let mut body = None;
    endpoints
        .iter()
        .filter(|endpoint| admits(audience, event, endpoint, &mut body))
        .map(|endpoint| Destination {
            endpoint: endpoint.id,
            verdict: if endpoint.is_enabled() {
                Verdict::Deliver
            } else {
                Verdict::Disabled
            },
        })
        .collect()
}

fn admits(
    audience: Audience,
    event: &Event,
    endpoint: &Endpoint,
    body: &mut Option<Value>,
) -> bool {
    let wants = |body: &mut Option<Value>| {
        endpoint.wants(&event.event_type)
            && endpoint.filter.as_ref().is_none_or(|filter| {
                let body = body.get_or_insert_with(|| envelope::value(event));
                filter.matches(body)
            })
    };
    match audience {
        Audience::Everyone => wants(body),
        Audience::Only(only) => endpoint.id == only,
        Audience::AllBut(about) => endpoint.id != about && wants(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Disabled, Format, Limits, SecretRef, Timeout, disabled};
    use crate::event_type::{EventType, Pattern};
    use crate::filter::Filter;
    use crate::id::{EventId, NetworkId};
    use crate::signing::Scheme;
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use std::collections::HashSet;

    fn endpoint(number: u8, pattern: &str, enabled: bool) -> Endpoint {
        Endpoint {
            id: EndpointId::from_bytes([number; 16]),
            network: NetworkId::parse("demo").unwrap(),
            url: "https://example.com/".to_owned(),
            description: None,
            event_types: vec![Pattern::parse(pattern).unwrap()],
            filter: None,
            format: Format::default(),
            headers: Vec::new(),
            timeout: Timeout::default(),
            schedule: None,
            limits: Limits::default(),
            disabled: (!enabled).then(|| Disabled {
                reason: disabled::BY_REQUEST.to_owned(),
                at: Timestamp::EPOCH,
            }),
            signing: Scheme::default(),
            public_keys: Vec::new(),
            secret: SecretRef {
                ring: 0,
                generation: 1,
            },
            certificate_ends: None,
            version: 1,
            created: Timestamp::default(),
            updated: Timestamp::default(),
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
            let planned = plan(&event, Audience::Everyone, &[filtering]);
            assert_eq!(!planned.is_empty(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn fan_out_loses_none_and_doubles_none(
            choices in proptest::collection::vec((prop_oneof![Just("*"), Just("a.*"), Just("a.b"), Just("c")], any::<bool>()), 0..40)
        ) {
            let endpoints: Vec<_> = choices.iter().zip(0_u8..).map(|((pattern, enabled), n)| endpoint(n, pattern, *enabled)).collect();
            let event = event("a.b");
            let planned = plan(&event, Audience::Everyone, &endpoints);
            let wanted = choices.iter().filter(|(pattern, _)| *pattern != "c").count();
            let sent = choices.iter().filter(|(pattern, enabled)| *pattern != "c" && *enabled).count();
            let deliveries: HashSet<_> = planned.iter().map(|d| d.delivery(&event)).collect();
            prop_assert_eq!(planned.len(), wanted);
            prop_assert_eq!(deliveries.len(), wanted);
            prop_assert_eq!(planned.iter().filter(|d| d.verdict == Verdict::Deliver).count(), sent);
            prop_assert_eq!(plan(&event, Audience::Everyone, &endpoints), planned);
            for endpoint in &endpoints {
                let only = plan(&event, Audience::Only(endpoint.id), &endpoints);
                prop_assert!(only.len() == 1 && only[0].endpoint == endpoint.id);
                let others = plan(&event, Audience::AllBut(endpoint.id), &endpoints);
                prop_assert_eq!(others.len(), wanted - usize::from(endpoint.wants(&event.event_type)));
            }
        }
    }
}

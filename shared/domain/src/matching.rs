//! Fan-out: one event, the endpoints of its network, and what each of them gets.

use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::{DeliveryId, EndpointId};

/// What one endpoint gets of one event. Endpoints that did not ask for the type are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// One that asked for the type of the event.
    pub endpoint: EndpointId,
    /// Whether a delivery is owed to it.
    pub verdict: Verdict,
}

/// What becomes of an event at an endpoint that asked for its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// One delivery is owed.
    Deliver,
    /// It asked for the type but is switched off.
    Disabled,
}

impl Destination {
    /// The delivery owed, if any.
    #[must_use]
    pub fn delivery(&self, event: &Event) -> Option<DeliveryId> {
        match self.verdict {
            Verdict::Deliver => Some(DeliveryId::of(self.endpoint, event.accepted, &event.id)),
            Verdict::Disabled => None,
        }
    }
}

/// Decides for every endpoint of the network, in the order given.
#[must_use]
pub fn plan(event: &Event, endpoints: &[Endpoint]) -> Vec<Destination> {
    endpoints
        .iter()
        .filter(|endpoint| endpoint.wants(&event.event_type))
        .map(|endpoint| Destination {
            endpoint: endpoint.id,
            verdict: if endpoint.enabled {
                Verdict::Deliver
            } else {
                Verdict::Disabled
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::SecretRef;
    use crate::event_type::{EventType, Pattern};
    use crate::id::{EventId, NetworkId};
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
            enabled,
            secret: SecretRef {
                ring: 0,
                generation: 1,
            },
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

    proptest! {
        #[test]
        fn fan_out_loses_none_and_doubles_none(
            choices in proptest::collection::vec((prop_oneof![Just("*"), Just("a.*"), Just("a.b"), Just("c")], any::<bool>()), 0..40)
        ) {
            let endpoints: Vec<_> = choices.iter().zip(0_u8..).map(|((pattern, enabled), n)| endpoint(n, pattern, *enabled)).collect();
            let event = event("a.b");
            let planned = plan(&event, &endpoints);
            let wanted = choices.iter().filter(|(pattern, _)| *pattern != "c").count();
            let owed = choices.iter().filter(|(pattern, enabled)| *pattern != "c" && *enabled).count();
            let deliveries: HashSet<_> = planned.iter().filter_map(|d| d.delivery(&event)).collect();
            prop_assert_eq!(planned.len(), wanted);
            prop_assert_eq!(deliveries.len(), owed);
            prop_assert_eq!(plan(&event, &endpoints), planned);
        }
    }
}

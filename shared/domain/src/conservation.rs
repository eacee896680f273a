//! Conservation: what was accepted for an endpoint is what stands there in some state.
//!
//! Accepted are the deliveries that the plans of events name; each must have a record, and its state
//! says where it counts. One without a record is lost, and is named.

use std::collections::BTreeMap;

use crate::delivery::State;
use crate::id::{DeliveryId, EndpointId, EventId};

/// Most lost deliveries named; beyond it they are counted alone.
const MAX_NAMED: usize = 1_000;

/// The deliveries of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Named by a plan.
    pub accepted: u64,
    /// The receiver answered 2xx.
    pub delivered: u64,
    /// Every attempt failed.
    pub dead: u64,
    /// Waiting for an attempt.
    pub pending: u64,
    /// Waiting for their endpoint to be enabled.
    pub parked: u64,
    /// Given up by an operator.
    pub discarded: u64,
    /// Named by a plan, and without a record.
    pub lost: u64,
    /// The lost ones with their events, at most 1,000.
    pub named: Vec<(DeliveryId, EventId)>,
}

impl Tally {
    fn count(&mut self, id: DeliveryId, event: &EventId, state: Option<State>) {
        self.accepted += 1;
        match state {
            Some(State::Delivered) => self.delivered += 1,
            Some(State::Dead) => self.dead += 1,
            Some(State::Pending { .. }) => self.pending += 1,
            Some(State::Parked) => self.parked += 1,
            Some(State::Discarded) => self.discarded += 1,
            None => {
                self.lost += 1;
                if self.named.len() < MAX_NAMED {
                    self.named.push((id, event.clone()));
                }
            }
        }
    }

    /// Whether every accepted delivery stands in some state.
    #[must_use]
    pub fn holds(&self) -> bool {
        let standing = self.delivered + self.dead + self.pending + self.parked + self.discarded;
        self.accepted == standing
    }
}

/// What a stretch of time came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    /// By endpoint.
    pub endpoints: BTreeMap<EndpointId, Tally>,
    /// Events looked at.
    pub events: u64,
    /// Events that were taken and have no record any more, so nobody knows whom they were for.
    pub lost_events: Vec<EventId>,
}

impl Balance {
    /// Counts a delivery that a plan names, as its record says.
    pub fn count(&mut self, id: DeliveryId, event: &EventId, state: Option<State>) {
        let tally = self.endpoints.entry(id.endpoint()).or_default();
        tally.count(id, event, state);
    }

    /// How many deliveries and events are lost.
    #[must_use]
    pub fn mismatches(&self) -> u64 {
        let lost: u64 = self.endpoints.values().map(|tally| tally.lost).sum();
        lost + u64::try_from(self.lost_events.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn every_delivery_counts_once_and_a_lost_one_is_named() {
        let event = EventId::parse("e").unwrap();
        let endpoint = EndpointId::from_bytes([1; 16]);
        let id = |millis| DeliveryId::of(endpoint, Timestamp::from_millis(millis), &event);
        let mut balance = Balance::default();
        for (state, millis) in State::ALL.into_iter().zip(0..) {
            balance.count(id(millis), &event, Some(state));
        }
        let tally = balance.endpoints[&endpoint].clone();
        assert!(tally.holds());
        let Tally {
            accepted,
            delivered,
            dead,
            pending,
            parked,
            discarded,
            ..
        } = tally;
        assert_eq!(
            [accepted, delivered, dead, pending, parked, discarded],
            [5, 1, 1, 1, 1, 1]
        );
        assert_eq!(balance.mismatches(), 0);

        balance.count(id(9), &event, None);
        balance.lost_events.push(event.clone());
        let tally = &balance.endpoints[&endpoint];
        assert!(!tally.holds());
        assert_eq!(tally.named, [(id(9), event)]);
        assert_eq!(balance.mismatches(), 2);
    }
}

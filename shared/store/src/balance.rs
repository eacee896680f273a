//! What must be there against what is: the deliveries that plans name, and their records.

use std::collections::HashMap;

use domain::conservation::Balance;
use domain::delivery::State;
use domain::id::{DeliveryId, EventId, NetworkId};

use crate::batch::Wanted;
use crate::item::Reader;
use crate::key::{Key, parse_delivery};
use crate::packed::unpack_plan;
use crate::{Error, Store};

/// Events looked at together at first. Then as many as have about [`DELIVERIES`] deliveries, by what
/// those before had: many, because their reads go out together; not too many, because somebody waits
/// and their plans are in memory.
const FIRST_EVENTS: usize = 100;
const EVENTS: std::ops::RangeInclusive<usize> = 50..=3_200;
const DELIVERIES: usize = 20_000;

/// What an event's record says of its deliveries.
struct Planned {
    deliveries: Vec<DeliveryId>,
    prolonged: bool,
}

impl Store {
    /// Counts, for events of one network, the deliveries that their plans name by the states that
    /// the deliveries' own records have. Some of them in any case, and then in order for as long as
    /// `go_on` says so; gives how many events were counted.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn balance(
        &self,
        network: &NetworkId,
        events: &[EventId],
        balance: &mut Balance,
        go_on: impl Fn() -> bool,
    ) -> Result<usize, Error> {
        let (mut rest, mut together) = (events, FIRST_EVENTS);
        while !rest.is_empty() {
            let (these, after) = rest.split_at(together.min(rest.len()));
            let deliveries = self.balance_of(network, these, balance).await?;
            together = (DELIVERIES * these.len() / deliveries.max(1))
                .clamp(*EVENTS.start(), *EVENTS.end());
            rest = after;
            if !go_on() {
                break;
            }
        }
        Ok(events.len() - rest.len())
    }

    /// Gives how many deliveries they have.
    async fn balance_of(
        &self,
        network: &NetworkId,
        events: &[EventId],
        balance: &mut Balance,
    ) -> Result<usize, Error> {
        let planned = self.planned(network, events).await?;
        let ids = planned.values().flat_map(|planned| &planned.deliveries);
        let ids = ids.copied();
        let states = self.states(network, ids).await?;
        for event in events {
            balance.events += 1;
            match planned.get(event) {
                None => balance.lost_events.push(event.clone()),
                Some(planned) => {
                    for id in &planned.deliveries {
                        let state = states.get(id).copied();
                        // Kept for one of its deliveries beyond its retention, at which the others
                        // are forgotten.
                        if state.is_some() || !planned.prolonged {
                            balance.count(*id, event, state);
                        }
                    }
                }
            }
        }
        let deliveries = planned.values().map(|planned| planned.deliveries.len());
        Ok(deliveries.sum())
    }

    /// The deliveries that the plans of these events name; an event without a record has no entry.
    async fn planned(
        &self,
        network: &NetworkId,
        events: &[EventId],
    ) -> Result<HashMap<EventId, Planned>, Error> {
        const OPERATION: &str = "reading events' plans";
        let keys = events.iter().map(|event| Key::event(network, event));
        let wanted = Wanted::Only(&["accepted", "deliver", "disabled", "prolonged"]);
        let prefix = Key::event_prefix(network);
        let mut planned = HashMap::new();
        for item in self.batch_get(keys, wanted, OPERATION).await? {
            let reader = Reader::new(&item, OPERATION);
            let event =
                reader.parsed("pk", |pk| EventId::parse(pk.strip_prefix(prefix.as_str())?))?;
            let accepted = reader.time("accepted")?;
            let deliveries = unpack_plan(&item)
                .into_iter()
                .map(|planned| DeliveryId::of(planned.endpoint, accepted, &event))
                .collect();
            let prolonged = item.contains_key("prolonged");
            let plan = Planned {
                deliveries,
                prolonged,
            };
            planned.insert(event, plan);
        }
        Ok(planned)
    }

    /// The states of the deliveries that have a record.
    async fn states(
        &self,
        network: &NetworkId,
        ids: impl Iterator<Item = DeliveryId>,
    ) -> Result<HashMap<DeliveryId, State>, Error> {
        const OPERATION: &str = "reading deliveries' states";
        let keys = ids.map(|id| Key::delivery(network, id));
        let mut states = HashMap::new();
        for item in self
            .batch_get(keys, Wanted::Only(&["state"]), OPERATION)
            .await?
        {
            let reader = Reader::new(&item, OPERATION);
            let (pk, sk) = (reader.text("pk")?, reader.text("sk")?);
            let (_, id) = parse_delivery(pk, sk).ok_or_else(|| reader.bad("pk"))?;
            states.insert(id, reader.parsed("state", State::parse)?);
        }
        Ok(states)
    }
}

//! Which events were taken when: one small item per batch of fan-out, so that what must be there can
//! be compared with what is, without an index on events.

use domain::conservation::Balance;
use domain::delivery::State;
use domain::id::{DeliveryId, EventId, NetworkId};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::item::{Reader, expires, s};
use crate::key::{Key, LEDGER_SHARDS, ledger_partition};
use crate::packed::unpack_plan;
use crate::{Error, Store};

/// Reads at the same time.
const IN_FLIGHT: usize = 32;

/// Events looked at together.
const CHUNK: usize = 500;

/// A planned delivery, and the state on its record if there is one.
type Standing = (DeliveryId, Option<State>);

/// Milliseconds of one ledger partition's hour.
const HOUR: u64 = 3_600_000;

/// Events of one network that one batch of fan-out took.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose they are.
    pub network: NetworkId,
    /// Each with all its deliveries recorded.
    pub events: Vec<EventId>,
}

/// An hour of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(u64);

impl Hour {
    /// The one that `at` lies in.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(at.millis() / HOUR)
    }

    /// Its first moment.
    #[must_use]
    pub fn starts(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(HOUR))
    }

    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl Store {
    /// Notes which events of a network were taken, and their deliveries recorded. `token` is random:
    /// an entry never replaces another. An event noted twice counts once.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn note_taken(
        &self,
        entry: &Entry,
        token: [u8; 10],
        now: Timestamp,
    ) -> Result<(), Error> {
        let [pk, sk] = Key::ledger(&entry.network, Hour::of(now), token).attributes();
        let events: Vec<_> = entry.events.iter().map(EventId::as_str).collect();
        self.client
            .put_item()
            .table_name(&self.table)
            .item(pk.0, pk.1)
            .item(sk.0, sk.1)
            .item("events", s(events.join("\n")))
            .item("expires", expires(now))
            .send()
            .await
            .map_err(Error::call("noting which events were taken"))?;
        Ok(())
    }

    /// What the ledger has of one hour: for one network, or for all.
    ///
    /// # Errors
    /// When the table does not answer or an entry is unreadable.
    pub async fn ledger(
        &self,
        hour: Hour,
        network: Option<&NetworkId>,
    ) -> Result<Vec<Entry>, Error> {
        let shards = (0..LEDGER_SHARDS).map(|shard| self.ledger_shard(hour, shard, network));
        let shards = futures::future::try_join_all(shards).await?;
        Ok(shards.into_iter().flatten().collect())
    }

    async fn ledger_shard(
        &self,
        hour: Hour,
        shard: u8,
        network: Option<&NetworkId>,
    ) -> Result<Vec<Entry>, Error> {
        const OPERATION: &str = "reading which events were taken";
        let pk = ledger_partition(hour, shard);
        let mut call = self.query_after(&pk, None);
        if let Some(network) = network {
            call = call
                .key_condition_expression("pk = :pk AND begins_with(sk, :network)")
                .expression_attribute_values(":network", s(format!("{network}#")));
        }
        let mut pages = call.into_paginator().send();
        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                entries.push(read(&Reader::new(item, OPERATION))?);
            }
        }
        Ok(entries)
    }

    /// Counts, for events of one network, the deliveries that their plans name by the states that
    /// the deliveries' own records have.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn balance(
        &self,
        network: &NetworkId,
        events: impl IntoIterator<Item = EventId>,
        balance: &mut Balance,
    ) -> Result<(), Error> {
        let events: Vec<_> = events.into_iter().collect();
        for chunk in events.chunks(CHUNK) {
            let looks: Vec<_> = chunk
                .iter()
                .map(|event| self.standing(network, event))
                .collect();
            let mut standing = stream::iter(looks).buffer_unordered(IN_FLIGHT);
            while let Some((event, deliveries)) = standing.try_next().await? {
                balance.events += 1;
                match deliveries {
                    None => balance.lost_events.push(event.clone()),
                    Some(deliveries) => {
                        for (id, state) in deliveries {
                            balance.count(id, event, state);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// An event with the deliveries of its plan and their states; `None` without such an event.
    async fn standing<'e>(
        &self,
        network: &NetworkId,
        event: &'e EventId,
    ) -> Result<(&'e EventId, Option<Vec<Standing>>), Error> {
        const OPERATION: &str = "reading an event's plan";
        let key = Key::event(network, event);
        let Some(item) = self.get(&key, OPERATION).await? else {
            return Ok((event, None));
        };
        let accepted = Reader::new(&item, OPERATION).time("accepted")?;
        let plan = unpack_plan(&item).into_iter();
        let states: Vec<_> = plan
            .map(|planned| DeliveryId::of(planned.endpoint, accepted, event))
            .map(|id| self.delivery_state(network, id))
            .collect();
        let states = stream::iter(states).buffered(IN_FLIGHT).try_collect();
        Ok((event, Some(states.await?)))
    }

    async fn delivery_state(&self, network: &NetworkId, id: DeliveryId) -> Result<Standing, Error> {
        const OPERATION: &str = "reading a delivery's state";
        let item = self.get(&Key::delivery(network, id), OPERATION).await?;
        let state = item.map(|item| Reader::new(&item, OPERATION).parsed("state", State::parse));
        Ok((id, state.transpose()?))
    }
}

fn read(item: &Reader<'_>) -> Result<Entry, Error> {
    let network = item.text("sk")?.split('#').next();
    let network = network.and_then(NetworkId::parse);
    let events = item.text("events")?.lines().map(EventId::parse);
    Ok(Entry {
        network: network.ok_or_else(|| item.bad("sk"))?,
        events: events
            .collect::<Option<_>>()
            .ok_or_else(|| item.bad("events"))?,
    })
}

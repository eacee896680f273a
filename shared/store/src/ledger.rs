//! Which events were taken when: one small item per batch of fan-out, so that what must be there can
//! be compared with what is, without an index on events.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::id::{EventId, NetworkId};
use domain::time::Timestamp;
use futures::future::try_join_all;

use crate::item::{Reader, n, s};
use crate::key::{Key, LEDGER_SHARDS, ledger_partition};
use crate::{Error, Store};

/// Most events held at the same time: their ids take about 30 MB.
const MOST: usize = 200_000;

/// DynamoDB may delete an event in the second in which its time is over, and counting takes a while.
const BEFORE_THE_END: Duration = Duration::from_secs(900);

/// Milliseconds of one ledger partition's hour.
const HOUR: u64 = 3_600_000;

/// Events of one network that one batch of fan-out took.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose they are.
    pub network: NetworkId,
    /// Each with all its deliveries recorded.
    pub events: Vec<EventId>,
    /// Until when all of them are kept; nothing is to be expected of them after it.
    pub until: Timestamp,
}

/// Events that were taken, in order and each once: by network, then by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taking {
    /// With the network each is of.
    pub events: BTreeSet<(NetworkId, EventId)>,
    /// There are others behind the last.
    pub more: bool,
}

impl Taking {
    /// Adds one; beyond `most` the last one goes.
    fn add(&mut self, event: (NetworkId, EventId), most: usize) {
        self.events.insert(event);
        if self.events.len() > most {
            self.events.pop_last();
            self.more = true;
        }
    }
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
            .item("expires", n(entry.until.seconds()))
            .send()
            .await
            .map_err(Error::call("noting which events were taken"))?;
        Ok(())
    }

    /// The events that the ledger has of these hours and that are still kept: of one network or of
    /// all, those behind `after`, the first 200,000 of them.
    ///
    /// # Errors
    /// When the table does not answer or an entry is unreadable.
    pub async fn taken_in(
        &self,
        hours: &[Hour],
        network: Option<&NetworkId>,
        after: Option<&(NetworkId, EventId)>,
        now: Timestamp,
    ) -> Result<Taking, Error> {
        let taking = Mutex::new(Taking::default());
        let add = |entry: Entry| {
            // DynamoDB deletes late: its events may be gone before it is.
            if entry.until <= now.after(BEFORE_THE_END) {
                return;
            }
            // A panic elsewhere leaves what was added.
            let mut taking = taking.lock().unwrap_or_else(PoisonError::into_inner);
            for event in entry.events {
                let event = (entry.network.clone(), event);
                if after.is_none_or(|after| event > *after) {
                    taking.add(event, MOST);
                }
            }
        };
        let shards = hours
            .iter()
            .flat_map(|hour| (0..LEDGER_SHARDS).map(|shard| (*hour, shard)));
        let read = shards.map(|(hour, shard)| self.ledger_shard(hour, shard, network, add));
        try_join_all(read).await?;
        Ok(taking.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ledger_shard(
        &self,
        hour: Hour,
        shard: u8,
        network: Option<&NetworkId>,
        add: impl Fn(Entry),
    ) -> Result<(), Error> {
        const OPERATION: &str = "reading which events were taken";
        let pk = ledger_partition(hour, shard);
        let mut call = self.query_after(&pk, None);
        if let Some(network) = network {
            call = call
                .key_condition_expression("pk = :pk AND begins_with(sk, :network)")
                .expression_attribute_values(":network", s(format!("{network}#")));
        }
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                add(read(&Reader::new(item, OPERATION))?);
            }
        }
        Ok(())
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
        until: Timestamp::from_millis(item.number("expires")?.saturating_mul(1000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_events_are_held_in_order_each_once() {
        let event = |id: &str| {
            (
                NetworkId::parse("demo").unwrap(),
                EventId::parse(id).unwrap(),
            )
        };
        let mut taking = Taking::default();
        for id in ["d", "b", "b", "c"] {
            taking.add(event(id), 3);
        }
        assert!(!taking.more);
        taking.add(event("a"), 3);
        assert!(taking.more);
        let held: Vec<_> = taking.events.into_iter().collect();
        assert_eq!(held, ["a", "b", "c"].map(event));
    }
}

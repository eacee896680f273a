use domain::delivery::State;
use domain::id::{DeliveryId, EndpointId, NetworkId};
use futures::future::try_join_all;

use crate::deliveries::{OPERATION, read};
use crate::item::{Reader, s};
use crate::key::{DELIVERY_SHARDS, delivery_partition};
use crate::{Delivery, Error, Store};

/// A shard is read in pages of this many records, at most [`MAX_PAGES`] per call, so that a rare
/// state in a long history costs a bounded read and the caller goes on with the cursor.
const PAGE: i32 = 200;
const MAX_PAGES: usize = 10;

/// Which deliveries to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFilter {
    /// Every state.
    Any,
    /// Owed: waiting for the first or next attempt.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// Dead letters: every attempt failed.
    Dead,
}

/// Newest first.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// At most the limit asked for; can be fewer, even none, with more pages to come.
    pub deliveries: Vec<Delivery>,
    /// Where the next page starts; `None` when there is none.
    pub next: Option<DeliveryId>,
}

/// What one shard gave: matches, and how far back it was read (`None`: to its end).
struct Shard {
    found: Vec<Delivery>,
    read_to: Option<DeliveryId>,
}

impl Store {
    /// Deliveries of one endpoint that are older than `before`, newest first.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_deliveries(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        filter: StateFilter,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<DeliveryPage, Error> {
        let shards = (0..DELIVERY_SHARDS).map(|shard| {
            self.list_shard(
                delivery_partition(network, endpoint, shard),
                filter,
                before,
                limit,
            )
        });
        Ok(merge(try_join_all(shards).await?, limit))
    }

    async fn list_shard(
        &self,
        pk: String,
        filter: StateFilter,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Shard, Error> {
        let before = before.map_or_else(|| "~".to_owned(), |id| id.order());
        let mut call = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":before", s(before))
            .scan_index_forward(false);
        call = match word(filter) {
            None => call.limit(i32::try_from(limit).unwrap_or(PAGE)),
            Some(word) => call
                .limit(PAGE)
                .filter_expression("#state = :state")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":state", s(word)),
        };
        let mut shard = Shard {
            found: Vec::new(),
            read_to: None,
        };
        let mut pages = call.into_paginator().send();
        for _ in 0..MAX_PAGES {
            let Some(page) = pages.next().await else {
                return Ok(Shard {
                    read_to: None,
                    ..shard
                });
            };
            let page = page.map_err(Error::call(OPERATION))?;
            for item in page.items() {
                shard.found.push(read(item)?);
            }
            shard.read_to = match page.last_evaluated_key() {
                None => None,
                Some(key) => {
                    let key = Reader::new(key, OPERATION);
                    let (_, id) = crate::key::parse_delivery(key.text("pk")?, key.text("sk")?)
                        .ok_or_else(|| key.bad("sk"))?;
                    Some(id)
                }
            };
            if shard.found.len() >= limit || shard.read_to.is_none() {
                break;
            }
        }
        Ok(shard)
    }
}

fn word(filter: StateFilter) -> Option<&'static str> {
    match filter {
        StateFilter::Any => None,
        StateFilter::Pending => Some(State::Pending { next_attempt: None }.word()),
        StateFilter::Delivered => Some(State::Delivered.word()),
        StateFilter::Dead => Some(State::Dead.word()),
    }
}

/// Merges the shards newest first. A record older than where some shard stopped reading is left
/// for the next page, because that shard may hold a newer one.
fn merge(shards: Vec<Shard>, limit: usize) -> DeliveryPage {
    let floor = shards
        .iter()
        .filter_map(|shard| shard.read_to)
        .max_by_key(DeliveryId::order);
    let mut all: Vec<_> = shards.into_iter().flat_map(|shard| shard.found).collect();
    all.sort_by_cached_key(|delivery| std::cmp::Reverse(delivery.id.order()));
    let before = all.len();
    if let Some(floor) = floor {
        all.retain(|delivery| delivery.id.order() >= floor.order());
    }
    let left = before > all.len() || floor.is_some();
    let full = all.len() > limit;
    all.truncate(limit);
    let next = if full {
        all.last().map(|delivery| delivery.id)
    } else if left {
        floor
    } else {
        None
    };
    DeliveryPage {
        deliveries: all,
        next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event_type::EventType;
    use domain::id::EventId;
    use domain::time::Timestamp;

    fn delivery(millis: u64) -> Delivery {
        let event = EventId::parse("e").unwrap();
        Delivery {
            network: NetworkId::parse("demo").unwrap(),
            id: DeliveryId::of(
                EndpointId::from_bytes([1; 16]),
                Timestamp::from_millis(millis),
                &event,
            ),
            event,
            event_type: EventType::parse("a.b").unwrap(),
            state: State::Delivered,
            attempts: Vec::new(),
        }
    }

    fn times(page: &DeliveryPage) -> Vec<u64> {
        page.deliveries
            .iter()
            .map(|d| d.id.accepted().millis())
            .collect()
    }

    #[test]
    fn pages_merge_shards_newest_first_and_never_skip() {
        let shard = |found: &[u64], read_to: Option<u64>| Shard {
            found: found.iter().map(|ms| delivery(*ms)).collect(),
            read_to: read_to.map(|ms| delivery(ms).id),
        };
        let page = merge(vec![shard(&[9, 5], None), shard(&[8, 7], Some(7))], 10);
        assert_eq!(
            times(&page),
            [9, 8, 7],
            "5 waits: the other shard was read only to 7"
        );
        assert_eq!(page.next.map(|id| id.accepted().millis()), Some(7));

        let page = merge(vec![shard(&[9, 5], None), shard(&[8], None)], 2);
        assert_eq!(
            (times(&page), page.next.map(|id| id.accepted().millis())),
            (vec![9, 8], Some(8))
        );

        let page = merge(vec![shard(&[9], None), shard(&[], None)], 2);
        assert_eq!((times(&page), page.next), (vec![9], None));
    }
}

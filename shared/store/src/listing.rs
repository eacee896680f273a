use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use domain::delivery::State;
use domain::event_type::Pattern;
use domain::id::{DeliveryId, EndpointId, NetworkId, ReplayId};
use domain::time::Timestamp;
use futures::future::try_join_all;

use crate::deliveries::{OPERATION, read};
use crate::item::{Reader, s};
use crate::key::{DELIVERY_SHARDS, delivery_partition};
use crate::{Delivery, Error, Store};

/// A shard is read in pages of this many records, at most [`MAX_PAGES`] per call, so that a rare
/// state in a long history costs a bounded read and the caller goes on with the cursor.
const PAGE: i32 = 200;
const MAX_PAGES: usize = 10;

/// Which deliveries to list. The default is all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// In one of these states; empty for any.
    pub states: Vec<State>,
    /// Or replayed last by this job, whatever their state is by now.
    pub or_replayed_by: Option<ReplayId>,
    /// Only those replayed last by this job.
    pub replayed_by: Option<ReplayId>,
    /// Without those that were taken back from a job.
    pub not_taken_back: bool,
    /// Of an event type that one of these matches; empty for any.
    pub event_types: Vec<Pattern>,
    /// Of an event accepted then or later.
    pub since: Option<Timestamp>,
    /// Of an event accepted before then.
    pub until: Option<Timestamp>,
}

/// In which order, and from where on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// For people: newest first, older than this delivery.
    NewestFirst(Option<DeliveryId>),
    /// For jobs: oldest first, newer than this delivery, and no change missed that was made before.
    OldestFirst(Option<DeliveryId>),
}

impl Order {
    fn oldest_first(self) -> bool {
        matches!(self, Self::OldestFirst(_))
    }

    /// The first and the last text that a sort key may be.
    fn bounds(self, filter: &DeliveryFilter) -> (String, String) {
        let (after, upto) = match self {
            Self::NewestFirst(cursor) => (None, cursor),
            Self::OldestFirst(cursor) => (cursor, None),
        };
        let since = filter.since.map(DeliveryId::order_at);
        // Keys are all of one length, so nothing lies between one and itself with a sign behind.
        let after = after.map(|id| id.order() + "!");
        let lower = since.into_iter().chain(after).max().unwrap_or_default();
        let until = filter.until.map(DeliveryId::order_at);
        let upto = upto.map(|id| id.order());
        let upper = until.into_iter().chain(upto).min();
        let upper = upper.map_or_else(|| "~".to_owned(), |end| before(&end));
        (lower, upper)
    }
}

/// A page of deliveries in the order asked for.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// At most the limit asked for; can be fewer, even none, with more pages to come.
    pub deliveries: Vec<Delivery>,
    /// Where the next page starts; `None` when there is none.
    pub next: Option<DeliveryId>,
}

/// How many deliveries stand in which state; those of a job that were taken back from it stand in
/// none, but apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// The receiver answered 2xx.
    pub delivered: u64,
    /// Every attempt failed.
    pub dead: u64,
    /// Waiting for an attempt.
    pub pending: u64,
    /// Kept, without a next attempt.
    pub parked: u64,
    /// Given up by an operator.
    pub discarded: u64,
    /// Taken back from the job asked for; none when no job was asked for.
    pub taken_back: u64,
    /// Whether every delivery was looked at. If not, these are at least so many.
    pub complete: bool,
}

impl Counted {
    fn add(&mut self, state: State) {
        match state {
            State::Delivered => self.delivered += 1,
            State::Dead => self.dead += 1,
            State::Pending { .. } => self.pending += 1,
            State::Parked => self.parked += 1,
            State::Discarded => self.discarded += 1,
        }
    }
}

/// Most records of each shard that are looked at to count. A query reads at most 1 MB of them, so a
/// count costs at most 512 read units, whatever the endpoint's history.
const MOST_COUNTED: i32 = 1_000;

/// What one shard gave: matches, and how far it was read (`None`: to its end).
struct Shard {
    found: Vec<Delivery>,
    read_to: Option<DeliveryId>,
}

impl Store {
    /// Deliveries of one endpoint.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_deliveries(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        filter: &DeliveryFilter,
        order: Order,
        limit: usize,
    ) -> Result<DeliveryPage, Error> {
        let (lower, upper) = order.bounds(filter);
        if lower > upper {
            return Ok(DeliveryPage {
                deliveries: Vec::new(),
                next: None,
            });
        }
        let shards = (0..DELIVERY_SHARDS).map(|shard| {
            let call = self
                .query_after(&delivery_partition(network, endpoint, shard), None)
                .key_condition_expression("pk = :pk AND sk BETWEEN :lower AND :upper")
                .expression_attribute_values(":lower", s(&lower))
                .expression_attribute_values(":upper", s(&upper))
                .consistent_read(order.oldest_first())
                .scan_index_forward(order.oldest_first());
            read_shard(call, filter, limit)
        });
        Ok(merge(
            try_join_all(shards).await?,
            limit,
            order.oldest_first(),
        ))
    }
}

impl Store {
    /// Counts deliveries of one endpoint by state, newest first; event types are not looked at.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn count_deliveries(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        filter: &DeliveryFilter,
    ) -> Result<Counted, Error> {
        const COUNTING: &str = "counting deliveries";
        let mut counted = Counted {
            complete: true,
            ..Counted::default()
        };
        let (lower, upper) = Order::NewestFirst(None).bounds(filter);
        if lower > upper {
            return Ok(counted);
        }
        let shards = (0..DELIVERY_SHARDS).map(|shard| {
            let call = self
                .query_after(&delivery_partition(network, endpoint, shard), None)
                .key_condition_expression("pk = :pk AND sk BETWEEN :lower AND :upper")
                .expression_attribute_values(":lower", s(&lower))
                .expression_attribute_values(":upper", s(&upper))
                .projection_expression("#state, takenBack")
                .expression_attribute_names("#state", "state")
                .scan_index_forward(false)
                .limit(MOST_COUNTED);
            filtered(call, filter).send()
        });
        for page in try_join_all(shards).await.map_err(Error::call(COUNTING))? {
            for item in page.items() {
                if filter.replayed_by.is_some() && item.contains_key("takenBack") {
                    counted.taken_back += 1;
                    continue;
                }
                counted.add(Reader::new(item, COUNTING).parsed("state", State::parse)?);
            }
            counted.complete &= page.last_evaluated_key().is_none();
        }
        Ok(counted)
    }
}

/// A text before `key` with no other key in between.
fn before(key: &str) -> String {
    let mut text = key.to_owned();
    let last = text.pop().map_or(0, u32::from);
    // Letters and digits have neighbours; `~` comes after them all.
    text.extend(char::from_u32(last.saturating_sub(1)));
    text.push('~');
    text
}

async fn read_shard(
    call: QueryFluentBuilder,
    filter: &DeliveryFilter,
    limit: usize,
) -> Result<Shard, Error> {
    let whole = filter.states.is_empty()
        && filter.event_types.is_empty()
        && filter.replayed_by.is_none()
        && !filter.not_taken_back;
    let page = if whole {
        i32::try_from(limit).unwrap_or(PAGE)
    } else {
        PAGE
    };
    let mut pages = filtered(call.limit(page), filter).into_paginator().send();
    let mut shard = Shard {
        found: Vec::new(),
        read_to: None,
    };
    let wanted = |delivery: &Delivery| {
        let mut patterns = filter.event_types.iter();
        filter.event_types.is_empty()
            || patterns.any(|pattern| pattern.matches(&delivery.event_type))
    };
    for _ in 0..MAX_PAGES {
        let Some(page) = pages.next().await else {
            return Ok(Shard {
                read_to: None,
                ..shard
            });
        };
        let page = page.map_err(Error::call(OPERATION))?;
        for item in page.items() {
            shard.found.extend(Some(read(item)?).filter(wanted));
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

/// The table itself leaves out other states and jobs, so that they are not sent over the network.
fn filtered(mut call: QueryFluentBuilder, filter: &DeliveryFilter) -> QueryFluentBuilder {
    let mut all = Vec::new();
    if !filter.states.is_empty() {
        let names: Vec<_> = (0..filter.states.len())
            .map(|n| format!(":state{n}"))
            .collect();
        let mut wanted = format!("#state IN ({})", names.join(", "));
        call = call.expression_attribute_names("#state", "state");
        for (name, state) in names.into_iter().zip(&filter.states) {
            call = call.expression_attribute_values(name, s(state.word()));
        }
        if let Some(job) = filter.or_replayed_by {
            wanted.push_str(" OR replayedBy = :job");
            call = call.expression_attribute_values(":job", s(job.to_string()));
        }
        all.push(format!("({wanted})"));
    }
    if let Some(job) = filter.replayed_by {
        all.push("replayedBy = :by".to_owned());
        call = call.expression_attribute_values(":by", s(job.to_string()));
    }
    if filter.not_taken_back {
        all.push("attribute_not_exists(takenBack)".to_owned());
    }
    if all.is_empty() {
        call
    } else {
        call.filter_expression(all.join(" AND "))
    }
}

/// Merges the shards in order. A record beyond where some shard stopped reading is left for the
/// next page, because that shard may hold one that comes before it.
fn merge(shards: Vec<Shard>, limit: usize, oldest_first: bool) -> DeliveryPage {
    let ends = shards.iter().filter_map(|shard| shard.read_to);
    let stop = if oldest_first {
        ends.min_by_key(DeliveryId::order)
    } else {
        ends.max_by_key(DeliveryId::order)
    };
    let mut all: Vec<_> = shards.into_iter().flat_map(|shard| shard.found).collect();
    all.sort_by_cached_key(|delivery| delivery.id.order());
    if !oldest_first {
        all.reverse();
    }
    if let Some(stop) = stop.map(|id| id.order()) {
        all.retain(|delivery| {
            let order = delivery.id.order();
            if oldest_first {
                order <= stop
            } else {
                order >= stop
            }
        });
    }
    let full = all.len() > limit;
    all.truncate(limit);
    let next = if full {
        all.last().map(|delivery| delivery.id)
    } else {
        stop
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

    fn id(millis: u64) -> DeliveryId {
        let event = EventId::parse("e").unwrap();
        let endpoint = EndpointId::from_bytes([1; 16]);
        DeliveryId::of(endpoint, Timestamp::from_millis(millis), &event)
    }

    fn delivery(millis: u64) -> Delivery {
        Delivery {
            network: NetworkId::parse("demo").unwrap(),
            id: id(millis),
            event: EventId::parse("e").unwrap(),
            event_type: EventType::parse("a.b").unwrap(),
            state: State::Delivered,
            cause: None,
            made: 0,
            base: 0,
            expunged: None,
            expires: Timestamp::EPOCH,
            replayed_by: None,
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
    fn pages_merge_shards_in_order_and_never_skip() {
        let shard = |found: &[u64], read_to: Option<u64>| Shard {
            found: found.iter().map(|ms| delivery(*ms)).collect(),
            read_to: read_to.map(|ms| delivery(ms).id),
        };
        let next = |page: &DeliveryPage| page.next.map(|id| id.accepted().millis());
        let page = merge(
            vec![shard(&[9, 5], None), shard(&[8, 7], Some(7))],
            10,
            false,
        );
        assert_eq!(
            times(&page),
            [9, 8, 7],
            "5 waits: the other shard was read only to 7"
        );
        assert_eq!(next(&page), Some(7));
        let page = merge(
            vec![shard(&[5, 9], None), shard(&[7, 8], Some(8))],
            10,
            true,
        );
        assert_eq!((times(&page), next(&page)), (vec![5, 7, 8], Some(8)));

        for (oldest_first, expected) in [(false, vec![9, 8]), (true, vec![5, 8])] {
            let page = merge(
                vec![shard(&[9, 5], None), shard(&[8], None)],
                2,
                oldest_first,
            );
            assert_eq!((times(&page), next(&page)), (expected, Some(8)));
        }

        let page = merge(vec![shard(&[9], None), shard(&[], None)], 2, false);
        assert_eq!((times(&page), page.next), (vec![9], None));
    }

    #[test]
    fn bounds_take_the_first_moment_and_leave_out_the_last_and_the_cursor() {
        let at = |ms: Option<u64>| ms.map(Timestamp::from_millis);
        for (since, until, order, expected) in [
            (None, None, Order::NewestFirst(None), vec![3, 4, 5, 6, 7]),
            (Some(4), Some(6), Order::NewestFirst(None), vec![4, 5]),
            (None, None, Order::NewestFirst(Some(id(5))), vec![3, 4]),
            (Some(4), None, Order::NewestFirst(Some(id(6))), vec![4, 5]),
            (None, Some(7), Order::OldestFirst(Some(id(4))), vec![5, 6]),
            (Some(6), None, Order::OldestFirst(Some(id(4))), vec![6, 7]),
        ] {
            let filter = DeliveryFilter {
                since: at(since),
                until: at(until),
                ..DeliveryFilter::default()
            };
            let (lower, upper) = order.bounds(&filter);
            let between = lower..=upper;
            let within = (3..8).filter(|ms| between.contains(&id(*ms).order()));
            assert_eq!(within.collect::<Vec<_>>(), expected, "{since:?} {until:?}");
        }
    }
}

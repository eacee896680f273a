//! Conservation.

use domain::conservation::{Balance, Tally};
use domain::id::{EndpointId, EventId};
use domain::network::Retention;
use domain::time::Timestamp;
use serde::Serialize;
use store::Hour;
use utoipa::ToSchema;

/// Accepted against standing, per endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Conservation)]
pub(crate) struct ConservationBody {
    /// Whether accepted = delivered + dead + pending + parked + discarded for every endpoint.
    pub(crate) holds: bool,
    /// The same in words, with what to do.
    pub(crate) explanation: String,
    /// From when on it is known; later than what was asked for when the network keeps events for a
    /// shorter time.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    #[schema(format = DateTime)]
    pub(crate) until: String,
    /// Ask again with it as `since` for what did not fit in this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_since: Option<String>,
    /// And with it as `after`, when this answer ended within an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_after: Option<String>,
    /// Events looked at.
    pub(crate) events: u64,
    pub(crate) endpoints: Vec<EndpointTally>,
    /// Events that were accepted and have no record.
    pub(crate) lost_events: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointTally {
    pub(crate) endpoint_id: String,
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) dead: u64,
    pub(crate) pending: u64,
    pub(crate) parked: u64,
    pub(crate) discarded: u64,
    /// Accepted, and without a record.
    pub(crate) mismatches: u64,
    /// Those, at most 1,000.
    pub(crate) lost: Vec<LostDelivery>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LostDelivery {
    pub(crate) delivery_id: String,
    pub(crate) event_id: String,
}

/// A count, and how far it got.
pub(crate) struct Counted<'a> {
    pub(crate) balance: &'a Balance,
    pub(crate) since: Timestamp,
    /// How long the network keeps events, when an earlier beginning was asked for.
    pub(crate) forgotten: Option<Retention>,
    pub(crate) until: Timestamp,
    pub(crate) next: Option<&'a Next>,
}

/// Where the next count begins.
pub(crate) struct Next {
    pub(crate) hour: Hour,
    /// The last event of the hour that was counted.
    pub(crate) after: Option<EventId>,
}

impl ConservationBody {
    pub(crate) fn of(counted: &Counted<'_>) -> Self {
        let Counted {
            balance,
            since,
            until,
            next,
            ..
        } = counted;
        let mismatches = balance.mismatches();
        let endpoints = balance.endpoints.iter();
        let lost = balance.lost_events.iter();
        Self {
            holds: mismatches == 0,
            explanation: explain(counted),
            since: since.to_string(),
            until: until.to_string(),
            next_since: next.map(|next| next.hour.starts().to_string()),
            next_after: next.and_then(|next| next.after.as_ref().map(ToString::to_string)),
            events: balance.events,
            endpoints: endpoints
                .map(|(id, tally)| EndpointTally::of(*id, tally))
                .collect(),
            lost_events: lost.map(ToString::to_string).collect(),
        }
    }
}

fn explain(counted: &Counted<'_>) -> String {
    let (balance, since) = (counted.balance, counted.since);
    let mismatches = balance.mismatches();
    let mut words = if mismatches > 0 {
        format!(
            "{mismatches} deliveries or events accepted in this time have no record; report the events again under new ids, and restore the table to an earlier moment to see what they were"
        )
    } else if balance.events == 0 {
        "no event that is still kept was taken in this time".to_owned()
    } else {
        "every delivery accepted in this time is on record".to_owned()
    };
    if let Some(retention) = counted.forgotten {
        let days = retention.days();
        words.push_str(&format!(
            "; the network keeps events for {days} days, so nothing is known of what came before {since}"
        ));
    }
    if counted.next.is_some() {
        words.push_str("; this is a part of the time asked for, go on with nextSince");
    }
    words
}

impl EndpointTally {
    fn of(id: EndpointId, tally: &Tally) -> Self {
        let lost = tally.named.iter().map(|(id, event)| LostDelivery {
            delivery_id: id.to_string(),
            event_id: event.to_string(),
        });
        Self {
            endpoint_id: id.to_string(),
            accepted: tally.accepted,
            delivered: tally.delivered,
            dead: tally.dead,
            pending: tally.pending,
            parked: tally.parked,
            discarded: tally.discarded,
            mismatches: tally.lost,
            lost: lost.collect(),
        }
    }
}

//! Conservation.

use domain::conservation::{Balance, Tally};
use domain::id::EndpointId;
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
    #[schema(format = DateTime)]
    pub(crate) since: String,
    #[schema(format = DateTime)]
    pub(crate) until: String,
    /// Ask again with it as `since` for the hours that did not fit in this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_since: Option<String>,
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

impl ConservationBody {
    pub(crate) fn of(
        balance: &Balance,
        since: Timestamp,
        until: Timestamp,
        rest: Option<Hour>,
    ) -> Self {
        let mismatches = balance.mismatches();
        let explanation = if mismatches == 0 {
            "every delivery accepted in this time is on record".to_owned()
        } else {
            format!(
                "{mismatches} deliveries or events accepted in this time have no record; report the events again under new ids, and restore the table to an earlier moment to see what they were"
            )
        };
        let endpoints = balance.endpoints.iter();
        let lost = balance.lost_events.iter();
        Self {
            holds: mismatches == 0,
            explanation,
            since: since.to_string(),
            until: until.to_string(),
            next_since: rest.map(|hour| hour.starts().to_string()),
            events: balance.events,
            endpoints: endpoints
                .map(|(id, tally)| EndpointTally::of(*id, tally))
                .collect(),
            lost_events: lost.map(ToString::to_string).collect(),
        }
    }
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

//! Replay jobs.

use domain::replay::Job;
use serde::{Deserialize, Serialize};
use store::Counted;
use utoipa::ToSchema;

use super::EndpointBody;

/// A new replay job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateReplay {
    /// Of events accepted then or later.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// Of events accepted before then; now if absent or later.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// `delivered`, `dead`, `parked`; the last two if absent.
    #[serde(default)]
    #[schema(example = json!(["dead"]))]
    pub(crate) status: Option<Vec<String>>,
    /// Patterns; all types if absent.
    #[serde(default)]
    #[schema(max_items = 100, example = json!(["message.*"]))]
    pub(crate) event_types: Option<Vec<String>>,
    /// Deliveries a second, 1 to 500; 50 if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 500)]
    pub(crate) rate_per_second: Option<u32>,
}

/// Enabling an endpoint.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EnableEndpoint {
    /// Whether its parked deliveries are sent now, by a replay job; `true` if absent. Else they stay
    /// parked until they are replayed or discarded.
    #[serde(default)]
    pub(crate) resume: Option<bool>,
}

/// An endpoint that was enabled, and the job that resumes what was parked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnabledEndpoint {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointBody,
    /// Absent when nothing is resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumes: Option<ReplayBody>,
}

/// A replay job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Replay)]
pub(crate) struct ReplayBody {
    #[schema(example = "rpl_01JD8Z6V5QK3M7N9P2R4S6T8V0")]
    pub(crate) id: String,
    pub(crate) endpoint_id: String,
    /// `queued`, `running`, `done` (every delivery was looked at, and those found are queued),
    /// `cancelled` or `failed`.
    pub(crate) status: &'static str,
    /// How it stands, in words.
    pub(crate) explanation: String,
    #[schema(format = DateTime)]
    pub(crate) since: String,
    #[schema(format = DateTime)]
    pub(crate) until: String,
    /// Which deliveries it looks for: those in one of these.
    pub(crate) deliveries_in: Vec<&'static str>,
    /// Patterns; empty for all types.
    pub(crate) event_types: Vec<String>,
    pub(crate) rate_per_second: u32,
    /// Deliveries that are what was asked for, so far.
    pub(crate) found: u64,
    /// Of them, those queued to be sent again. `outcome` tells what came of them, and
    /// `…/deliveries?replay=<id>` lists those that were not taken back.
    pub(crate) replayed: u64,
    /// Of those queued, the ones that a cancel took back before they were sent: at least, since a
    /// process that dies at it may not have counted all; `outcome.takenBack` is exact.
    pub(crate) taken_back: u64,
    /// Of them, those that someone else changed first, or of which nothing is left to send.
    pub(crate) skipped: u64,
    /// Where the queued ones stand now; only when one job is asked for or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<OutcomeBody>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

/// What came of the deliveries that a job queued; each is counted once. One that a later job replayed
/// counts with that; one replayed by hand still counts here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReplayOutcome)]
pub(crate) struct OutcomeBody {
    /// The receiver accepted them, this time.
    pub(crate) delivered: u64,
    /// Every attempt failed.
    pub(crate) dead: u64,
    /// They are still to be sent, or wait for their next try.
    pub(crate) pending: u64,
    /// Their endpoint was disabled meanwhile.
    pub(crate) parked: u64,
    pub(crate) discarded: u64,
    /// A cancel took them back before they were sent: they stand where they stood before the job, be
    /// that delivered, dead or parked, and count as nothing else here.
    pub(crate) taken_back: u64,
    /// If `false`, only the newest few thousand deliveries were looked at, and these are at least so
    /// many.
    pub(crate) complete: bool,
}

impl ReplayBody {
    pub(crate) fn with_outcome(self, counted: &Counted) -> Self {
        Self {
            outcome: Some(OutcomeBody {
                delivered: counted.delivered,
                dead: counted.dead,
                pending: counted.pending,
                parked: counted.parked,
                discarded: counted.discarded,
                taken_back: counted.taken_back,
                complete: counted.complete,
            }),
            ..self
        }
    }

    pub(crate) fn of(job: &Job) -> Self {
        let wanted = &job.wanted;
        Self {
            id: job.id.to_string(),
            endpoint_id: job.endpoint.to_string(),
            status: job.state.word(),
            explanation: job.explain(),
            since: wanted.since.to_string(),
            until: wanted.until.to_string(),
            deliveries_in: wanted.states.iter().map(|state| state.word()).collect(),
            event_types: wanted.event_types.iter().map(ToString::to_string).collect(),
            rate_per_second: wanted.rate,
            found: job.counts.found,
            replayed: job.counts.replayed,
            taken_back: job.counts.taken_back,
            skipped: job.counts.skipped,
            outcome: None,
            created_at: job.created.to_string(),
            updated_at: job.updated.to_string(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayPageBody {
    pub(crate) items: Vec<ReplayBody>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

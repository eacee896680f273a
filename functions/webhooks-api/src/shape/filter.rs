//! Filters tried on events.

use domain::filter::Mismatch;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A filter and the event to try it on: `event` or `sample`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FilterTest {
    /// As an endpoint would have it.
    #[schema(value_type = Object, example = json!({"data": {"amount": [{"numeric": [">=", 10]}]}}))]
    pub(crate) filter: Box<RawValue>,
    /// An event as it would be reported.
    #[serde(default)]
    pub(crate) event: Option<SampleEvent>,
    /// Or the name of an event type, whose example is taken.
    #[serde(default)]
    #[schema(example = "message.didCreate")]
    pub(crate) sample: Option<String>,
}

/// An event as a producer would report it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SampleEvent {
    #[schema(example = "order.paid")]
    pub(crate) event: String,
    #[schema(value_type = Object)]
    pub(crate) data: Box<RawValue>,
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// RFC 3339; now if absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub(crate) timestamp: Option<String>,
    /// `1` if absent.
    #[serde(default)]
    pub(crate) version: Option<String>,
}

/// Whether an event passes a filter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterTested {
    pub(crate) matches: bool,
    /// What the event fails; empty when it passes. Of alternatives (`$or`) of which none holds, what
    /// it fails of each.
    pub(crate) failed: Vec<FailedCondition>,
}

/// A part of a filter that an event fails.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedCondition {
    /// Where in the filter: a JSON pointer, RFC 6901.
    #[schema(example = "/data/amount")]
    pub(crate) pointer: String,
    #[schema(example = "a number of at least 10")]
    pub(crate) wanted: String,
    #[schema(example = "the number 9")]
    pub(crate) found: String,
}

impl FilterTested {
    pub(crate) fn of(failed: &[Mismatch]) -> Self {
        let condition = |mismatch: &Mismatch| FailedCondition {
            pointer: mismatch.pointer.clone(),
            wanted: mismatch.wanted.clone(),
            found: mismatch.found.clone(),
        };
        Self {
            matches: failed.is_empty(),
            failed: failed.iter().map(condition).collect(),
        }
    }
}

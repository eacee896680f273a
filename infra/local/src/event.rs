//! What the local system itself has to say; the functions' events are in `telemetry::event`.

use serde::Serialize;
use telemetry::chain::chain;
use telemetry::{Event, Level};

use crate::invoke::Failure;

/// A function gave no answer. Lambda would log it and count it as an error.
#[derive(Debug, Serialize)]
pub(crate) struct CallFailed {
    function: String,
    error: String,
}

impl CallFailed {
    pub(crate) fn new(function: &str, failure: &Failure) -> Self {
        Self {
            function: function.to_owned(),
            error: chain(failure),
        }
    }
}

impl Event for CallFailed {
    const NAME: &'static str = "CallFailed";
    const LEVEL: Level = Level::Error;
}

/// Settled messages could not be deleted; they come back and are worked again.
#[derive(Debug, Serialize)]
pub(crate) struct DeleteFailed {
    pub(crate) queue: String,
    pub(crate) error: String,
}

impl Event for DeleteFailed {
    const NAME: &'static str = "DeleteFailed";
    const LEVEL: Level = Level::Error;
}

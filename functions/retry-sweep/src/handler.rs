use queue::Queue;
use runtime::{Platform, SettingsError};
use serde_json::Value;
use store::Store;
use telemetry::chain::chain;
use telemetry::event::{SweepFailed, SweepFinished};

use crate::Settings;
use crate::sweep::sweep;

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) retries: Queue,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            retries: Queue::new(platform.aws.sqs(), settings.retry_queue),
            platform: platform.clone(),
        })
    }
}

/// Sweeps once. The scheduled event says nothing the sweep needs.
///
/// # Errors
/// When the table does not answer; the next minute's sweep goes on from there.
pub async fn handle(deps: &Deps, _event: Value) -> Result<(), store::Error> {
    let began = deps.platform.clock.now();
    let (swept, result) = sweep(deps, began).await;
    let now = deps.platform.clock.now();
    let duration_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
    let event = SweepFinished {
        enqueued: swept.enqueued,
        gone: swept.gone,
        unswept: swept.failed,
        duration_ms,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    result.inspect_err(|error| {
        let event = SweepFailed {
            error: chain(error),
        };
        deps.platform.telemetry.emit(&event, now.millis());
    })
}

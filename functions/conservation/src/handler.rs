use runtime::{Platform, SettingsError};
use serde_json::Value;
use store::{Hour, Store};
use telemetry::event::ConservationChecked;

use crate::Settings;
use crate::check::{Checked, check};

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            platform: platform.clone(),
        })
    }
}

/// Checks this hour so far and the one before, so that each run sees a whole hour. The scheduled
/// event says nothing the check needs.
///
/// # Errors
/// When the table does not answer; the next run checks the hour again.
pub async fn handle(deps: &Deps, _event: Value) -> Result<(), store::Error> {
    let began = deps.platform.clock.now();
    let hour = Hour::of(began);
    let hours = [hour.previous(), hour];
    let Checked {
        networks,
        events,
        accepted,
        unchecked,
        mismatches,
    } = check(deps, &hours, began).await?;
    let now = deps.platform.clock.now();
    let event = ConservationChecked {
        networks,
        events,
        accepted,
        conservation_unchecked: unchecked,
        conservation_mismatches: mismatches,
        duration_ms: u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX),
    };
    deps.platform.telemetry.emit(&event, now.millis());
    Ok(())
}

use domain::credential::days_left;
use queue::Queue;
use runtime::{Platform, SettingsError};
use serde_json::Value;
use store::{Dated, Store};
use telemetry::event::{CredentialChecked, ExpiryCheckFailed, ExpiryChecked};
use vault::Vault;

use crate::warn::{Failed, warn};
use crate::{Settings, left_keys};

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) events: Queue,
    pub(crate) vault: Vault,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            vault: Vault::new(
                platform.aws.secretsmanager(),
                settings.secret_prefix,
                platform.random.clone(),
            ),
            platform: platform.clone(),
        })
    }
}

/// Looks once at everything that ends, and removes the keys of what is gone. The scheduled event says
/// nothing that is needed.
///
/// # Errors
/// When something could not be looked at. All the rest was; the next run goes on from there.
pub async fn handle(deps: &Deps, _event: Value) -> Result<(), Failed> {
    let now = deps.platform.clock.now();
    let watches = deps.store.expiry_watches().await.map_err(|error| {
        let failed = Failed::from(error);
        tell_failed(deps, &failed);
        failed
    })?;
    let ahead = watches.iter().filter(|watch| watch.ends > now);
    let soonest = ahead.map(|watch| days_left(watch.ends, now)).min();
    for watch in &watches {
        if let Dated::Credential(id) = watch.subject {
            let event = CredentialChecked {
                network: watch.network.to_string(),
                credential_id: id.to_string(),
                credential_days_to_expiry: days_left(watch.ends, now),
            };
            deps.platform.telemetry.emit(&event, now.millis());
        }
    }
    let mut warned = 0;
    let mut result = Ok(());
    for watch in watches.iter().filter(|watch| watch.due <= now) {
        match warn(deps, watch, now).await {
            Ok(sent) => warned += u32::from(sent),
            // One that fails must not keep the others from being warned of.
            Err(failed) => {
                tell_failed(deps, &failed);
                result = Err(failed);
            }
        }
    }
    // Last: there can be many, and each takes a while.
    let (keys_removed, keys) = left_keys::remove(deps, now).await;
    let watched = u32::try_from(watches.len()).unwrap_or(u32::MAX);
    let event = ExpiryChecked {
        watched,
        warned,
        keys_removed,
        // With nothing to watch, nothing ends soon.
        days_to_expiry: u64::try_from(soonest.unwrap_or(NEVER)).unwrap_or(0),
    };
    deps.platform.telemetry.emit(&event, now.millis());
    result.and(keys)
}

/// Days that stand for no end at all: a hundred years.
const NEVER: i64 = 36_500;

pub(crate) fn tell_failed(deps: &Deps, failed: &Failed) {
    let event = ExpiryCheckFailed {
        error: failed.to_string(),
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
}

use std::convert::Infallible;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use queue::{Queue, each_record, respond};
use runtime::{Platform, SettingsError};
use store::Store;
use telemetry::event::RecordFailed;

use crate::Settings;
use crate::dead_letter::set_right;

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) events: Queue,
    pub(crate) audiences: Queue,
    pub(crate) pushes: Queue,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            audiences: Queue::new(platform.aws.sqs(), settings.audience_queue),
            pushes: Queue::new(platform.aws.sqs(), settings.push_queue),
            platform: platform.clone(),
        })
    }
}

/// Works on a batch of dead letters. Each record fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let results = each_record(
        batch,
        |record| async move { set_right(deps, &record).await },
    )
    .await;
    let mut failed = Vec::new();
    for (message_id, result) in results {
        if let Err(error) = result {
            let event = RecordFailed {
                queue: "dead_letters",
                message_id: message_id.clone(),
                error,
                records_failed: 1,
            };
            deps.platform
                .telemetry
                .emit(&event, deps.platform.clock.now().millis());
            failed.push(message_id);
        }
    }
    Ok(respond(failed.iter().map(String::as_str)))
}

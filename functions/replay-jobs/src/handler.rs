use std::convert::Infallible;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use queue::{Queue, each_record, respond};
use runtime::{Platform, SettingsError};
use store::Store;
use telemetry::event::RecordFailed;

use crate::Settings;
use crate::step::step;

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) replays: Queue,
    pub(crate) retries: Queue,
    pub(crate) events: Queue,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        let queue = |url| Queue::new(platform.aws.sqs(), url);
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            replays: queue(settings.replay_queue),
            retries: queue(settings.retry_queue),
            events: queue(settings.events_queue),
            platform: platform.clone(),
        })
    }
}

/// Works on a page of each job named in the batch. Each fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let results = each_record(batch, |record| async move { step(deps, &record).await }).await;
    let mut failed = Vec::new();
    for (message_id, result) in results {
        if let Err(error) = result {
            let event = RecordFailed {
                queue: "replays",
                message_id: message_id.clone(),
                error,
                records_failed: 1,
            };
            let now = deps.platform.clock.now();
            deps.platform.telemetry.emit(&event, now.millis());
            failed.push(message_id);
        }
    }
    Ok(respond(failed.iter().map(String::as_str)))
}

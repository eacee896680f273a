use std::convert::Infallible;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::id::NetworkId;
use queue::message::{DeliveryMessage, read_event};
use queue::{Record, each_record, respond};
use runtime::{Platform, SettingsError};
use store::{Quarantined, Store};
use telemetry::chain::chain;
use telemetry::event::{MessageQuarantined, RecordFailed};

use crate::Settings;

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    platform: Platform,
    store: Store,
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

/// Works on a batch of dead letters. Each record fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let results = each_record(batch, |record| async move {
        keep(deps, &record).await.map_err(|error| chain(&error))
    })
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

async fn keep(deps: &Deps, record: &Record) -> Result<(), store::Error> {
    if let Ok(delivery) = DeliveryMessage::read(&record.body) {
        let now = deps.platform.clock.now();
        // `false`: it was settled after all, and nothing is owed.
        deps.store
            .make_due(&delivery.network, delivery.delivery, now)
            .await?;
        return Ok(());
    }
    let (queue, network) = match read_event(&record.body, record.sent, &record.message_id) {
        Ok(event) => ("events", Some(event.network)),
        Err(_) => (
            "unknown",
            record.group.as_deref().and_then(NetworkId::parse),
        ),
    };
    let reason = "received as often as the queue allows, without success; the log has the errors under this message id".to_owned();
    let kept = Quarantined {
        network,
        queue: queue.to_owned(),
        message_id: record.message_id.clone(),
        reason: reason.clone(),
        at: record.sent,
        body: record.body.clone(),
    };
    deps.store.quarantine(&kept).await?;
    let event = MessageQuarantined {
        queue,
        message_id: record.message_id.clone(),
        reason,
        quarantined: 1,
    };
    deps.platform
        .telemetry
        .emit(&event, deps.platform.clock.now().millis());
    Ok(())
}

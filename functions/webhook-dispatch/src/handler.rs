use std::convert::Infallible;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::address::AddressPolicy;
use domain::time::Timestamp;
use outbound::{Client, Limits};
use queue::message::DeliveryMessage;
use queue::{Outgoing, Queue, each_record, respond};
use runtime::{Platform, SettingsError};
use store::Store;
use telemetry::event::{BatchDispatched, RecordFailed};
use vault::Vault;

use crate::Settings;
use crate::attempt::{Attempted, run};
use crate::endpoints::Endpoints;

/// What the function needs from outside, and what it keeps between invocations: connections,
/// endpoints and key rings.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) webhooks: Queue,
    pub(crate) vault: Vault,
    pub(crate) client: Client,
    pub(crate) policy: AddressPolicy,
    pub(crate) endpoints: Endpoints,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        let policy = if settings.local_receivers {
            AddressPolicy::LoopbackAllowed
        } else {
            AddressPolicy::PublicOnly
        };
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            webhooks: Queue::new(platform.aws.sqs(), settings.webhook_queue),
            vault: Vault::new(
                platform.aws.secretsmanager(),
                settings.secret_prefix,
                platform.random.clone(),
            ),
            client: Client::new(policy, Limits::default()),
            policy,
            endpoints: Endpoints::default(),
            platform: platform.clone(),
        })
    }
}

/// Works on a batch of deliveries, all at once. Each record fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let began = deps.platform.clock.now();
    let results = each_record(batch, |record| run(deps, record, began)).await;
    let mut failed = Vec::new();
    let mut retries = Vec::new();
    let mut summary = BatchDispatched {
        delivered: 0,
        retried: 0,
        dead: 0,
        stale: 0,
        duration_ms: 0,
    };
    for (message_id, result) in results {
        match result {
            Ok(Attempted::Delivered) => summary.delivered += 1,
            Ok(Attempted::Retry(message, next)) => {
                summary.retried += 1;
                retries.push((message, next));
            }
            Ok(Attempted::Parked) => summary.retried += 1,
            Ok(Attempted::Dead) => summary.dead += 1,
            Ok(Attempted::Stale) => summary.stale += 1,
            Ok(Attempted::Abandoned | Attempted::Quarantined) => {}
            Err(error) => {
                let event = RecordFailed {
                    queue: "webhooks",
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
    }
    send(deps, &retries).await;
    let now = deps.platform.clock.now();
    summary.duration_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
    deps.platform.telemetry.emit(&summary, now.millis());
    Ok(respond(failed.iter().map(String::as_str)))
}

/// Sends the messages of next attempts. One that the queue does not take needs nothing here: its
/// record is in the due index, and the sweep sends it again.
async fn send(deps: &Deps, retries: &[(Box<DeliveryMessage>, Timestamp)]) {
    // Counted from now, not from when each failed: the batch ends with its slowest attempt.
    let now = deps.platform.clock.now();
    let outgoing = retries.iter().map(|(message, next)| Outgoing {
        body: message.write(),
        group: message.delivery.endpoint().to_string(),
        delay: next.since(now),
    });
    let outgoing: Vec<_> = outgoing.collect();
    for (result, (message, _)) in deps.webhooks.send(&outgoing).await.into_iter().zip(retries) {
        if let Err(error) = result {
            let message_id = message.delivery.to_string();
            let event = RecordFailed {
                queue: "webhooks",
                message_id,
                error: error.to_string(),
                records_failed: 1,
            };
            deps.platform.telemetry.emit(&event, now.millis());
        }
    }
}

use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::address::AddressPolicy;
use domain::time::Timestamp;
use domain::webhook_url::OwnNames;
use outbound::{Client, Limits};
use queue::message::{DeliveryMessage, Turn};
use queue::{Outgoing, Queue, each_record, respond};
use rules::Known;
use runtime::{Platform, SettingsError};
use store::Store;
use telemetry::event::{BatchDispatched, RecordFailed};
use vault::Vault;

use crate::Settings;
use crate::admission::held_back;
use crate::attempt::{Attempted, run};
use crate::endpoints::Endpoints;

/// What the function needs from outside, and what it keeps between invocations: connections,
/// endpoints and key rings.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) retries: Queue,
    pub(crate) slow: Queue,
    pub(crate) events: Queue,
    pub(crate) vault: Vault,
    pub(crate) client: Client,
    pub(crate) endpoints: Endpoints,
    pub(crate) rules: Known,
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
            retries: Queue::new(platform.aws.sqs(), settings.retry_queue),
            slow: Queue::new(platform.aws.sqs(), settings.slow_queue),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            vault: Vault::new(
                platform.aws.secretsmanager(),
                settings.secret_prefix,
                platform.random.clone(),
            ),
            client: Client::new(policy, Limits::default()),
            endpoints: Endpoints::new(policy, OwnNames::new(settings.own_names)),
            rules: Known::default(),
            platform: platform.clone(),
        })
    }

    /// Sends through `client` instead: a simulation has a network of its own.
    #[must_use]
    pub fn sending_through(self, client: Client) -> Self {
        Self { client, ..self }
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
    let mut later = Vec::new();
    let mut summary = BatchDispatched {
        delivered: 0,
        retried: 0,
        dead: 0,
        parked: 0,
        stale: 0,
        moved: 0,
        duration_ms: 0,
    };
    for (message_id, result) in results {
        match result {
            Ok(Attempted::Delivered) => summary.delivered += 1,
            Ok(Attempted::Retry(message, at)) => {
                summary.retried += 1;
                later.push(Later {
                    message,
                    at,
                    carried_by: None,
                });
            }
            Ok(Attempted::Postponed(message, at)) => later.push(Later {
                message,
                at,
                carried_by: Some(message_id),
            }),
            Ok(Attempted::Moved(message)) => {
                summary.moved += 1;
                later.push(Later {
                    message,
                    at: began,
                    carried_by: Some(message_id),
                });
            }
            Ok(Attempted::LeftToSweep) => summary.retried += 1,
            Ok(Attempted::Parked) => summary.parked += 1,
            Ok(Attempted::Dead) => summary.dead += 1,
            Ok(Attempted::Stale) => summary.stale += 1,
            Ok(Attempted::Abandoned | Attempted::Quarantined) => {}
            Err(error) => failed.push((message_id, error)),
        }
    }
    failed.extend(send(deps, later).await);
    let now = deps.platform.clock.now();
    for (message_id, error) in &failed {
        let event = RecordFailed {
            queue: "webhooks",
            message_id: message_id.clone(),
            error: error.clone(),
            records_failed: 1,
        };
        deps.platform.telemetry.emit(&event, now.millis());
    }
    summary.duration_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
    deps.platform.telemetry.emit(&summary, now.millis());
    Ok(respond(failed.iter().map(|(id, _)| id.as_str())))
}

/// A message that is to arrive at a later time.
struct Later {
    message: Box<DeliveryMessage>,
    at: Timestamp,
    /// The received message that it replaces: if the queue does not take it, that one must stay.
    /// `None` when the due index has it, so that the sweep would send it again.
    carried_by: Option<String>,
}

impl Later {
    /// The queue rounds up, which is too late for a moment that is kept for it.
    fn delay(&self, now: Timestamp) -> Duration {
        let wait = self.at.since(now);
        match self.message.turn {
            Turn::Reserved { at, .. } if at == self.at => held_back(wait),
            Turn::Reserved { .. } | Turn::Unasked | Turn::Come | Turn::SentAway(_) => wait,
        }
    }
}

/// Sends them; gives the received messages that must stay, with the reason.
async fn send(deps: &Deps, later: Vec<Later>) -> Vec<(String, String)> {
    let (slow, others): (Vec<_>, Vec<_>) = later.into_iter().partition(|one| one.message.slow);
    let (mut refused, others) = tokio::join!(
        send_to(deps, &deps.slow, slow),
        send_to(deps, &deps.retries, others),
    );
    refused.extend(others);
    refused
}

async fn send_to(deps: &Deps, queue: &Queue, later: Vec<Later>) -> Vec<(String, String)> {
    // Counted from now, not from when each failed: the batch ends with its slowest attempt.
    let now = deps.platform.clock.now();
    let outgoing = later.iter().map(|later| Outgoing {
        body: later.message.write(),
        group: later.message.group(),
        delay: later.delay(now),
    });
    let outgoing: Vec<_> = outgoing.collect();
    let sent = queue.send(&outgoing).await;
    let refused = sent.into_iter().zip(later).filter_map(|(sent, later)| {
        let error = sent.err()?.to_string();
        if later.carried_by.is_none() {
            let event = RecordFailed {
                queue: "webhooks",
                message_id: later.message.delivery.to_string(),
                error: error.clone(),
                records_failed: 1,
            };
            deps.platform.telemetry.emit(&event, now.millis());
        }
        Some((later.carried_by?, error))
    });
    refused.collect()
}

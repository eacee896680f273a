use std::convert::Infallible;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::address::AddressPolicy;
use domain::time::Timestamp;
use domain::webhook_url::OwnNames;
use outbound::{Client, Limits};
use queue::{Queue, Record, each_record, respond};
use rules::Known;
use runtime::{Platform, SettingsError};
use store::Store;
use telemetry::event::{BatchDispatched, RecordFailed};
use vault::Vault;

use crate::Settings;
use crate::attempt::{Attempted, run};
use crate::endpoints::Endpoints;
use crate::outbox::{Later, Outbox};

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

/// Works on a batch of deliveries, all at once. Each record fails alone, and is finished alone: what
/// follows from it is sent while others are still at work.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let began = deps.platform.clock.now();
    let outbox = Outbox::new(deps, batch.records.len());
    let results = each_record(batch, |record| finish(deps, &outbox, record, began)).await;
    let mut failed = Vec::new();
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
            Ok(count) => count(&mut summary),
            Err(error) => failed.push((message_id, error)),
        }
    }
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

/// Adds one to what a record came to.
type Count = fn(&mut BatchDispatched);

/// One record: its attempt, and the message that follows from it.
async fn finish(
    deps: &Deps,
    outbox: &Outbox<'_>,
    record: Record,
    began: Timestamp,
) -> Result<Count, String> {
    let at_work = outbox.begin();
    let attempted = run(deps, record, began).await?;
    let later = |message, at, carried| {
        Some(Later {
            message,
            at,
            carried,
        })
    };
    let (count, later): (Count, _) = match attempted {
        Attempted::Delivered => (|all| all.delivered += 1, None),
        Attempted::Retry(message, at) => (|all| all.retried += 1, later(message, at, false)),
        Attempted::Postponed(message, at) => (|_| {}, later(message, at, true)),
        Attempted::Moved(message) => (|all| all.moved += 1, later(message, began, true)),
        Attempted::LeftToSweep => (|all| all.retried += 1, None),
        Attempted::Parked => (|all| all.parked += 1, None),
        Attempted::Dead => (|all| all.dead += 1, None),
        Attempted::Stale => (|all| all.stale += 1, None),
        Attempted::Abandoned | Attempted::Quarantined => (|_| {}, None),
    };
    if let Some(later) = later {
        Box::pin(at_work.send(later)).await?;
    }
    Ok(count)
}

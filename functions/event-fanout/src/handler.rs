use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::id::NetworkId;
use domain::push::settings::Settings as PushSettings;
use queue::{Outgoing, Queue, each_record, respond};
use rules::Known;
use runtime::{Kept, Platform, SettingsError};
use store::Store;
use telemetry::chain::chain;
use telemetry::event::{BatchFannedOut, RecordFailed};

use crate::Settings;
use crate::endpoints::Endpoints;
use crate::fanout::{Fanned, fan_out};
use crate::ledger;

/// How long push settings are used without asking: a webhook's texts may be so old.
const MAX_AGE: Duration = Duration::from_secs(5);
const MAX_NETWORKS: usize = 1_000;

/// What the function needs from outside, and what it keeps between invocations.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) webhooks: Queue,
    pub(crate) audiences: Queue,
    pub(crate) events: Queue,
    pub(crate) endpoints: Endpoints,
    pub(crate) rules: Known,
    /// `None` where those written are not valid any more.
    pub(crate) push_settings: Kept<NetworkId, Option<PushSettings>>,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            webhooks: Queue::new(platform.aws.sqs(), settings.webhook_queue),
            audiences: Queue::new(platform.aws.sqs(), settings.audience_queue),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            endpoints: Endpoints::default(),
            rules: Known::default(),
            push_settings: Kept::new(MAX_AGE, MAX_NETWORKS),
            platform: platform.clone(),
        })
    }
}

/// Works on a batch of events. Each record fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let began = deps.platform.clock.now();
    let fanned = each_record(batch, |record| async move {
        fan_out(deps, &record, began)
            .await
            .map_err(|error| chain(&error))
    })
    .await;
    // All deliveries of the batch go out together: ten events with three endpoints each are three
    // calls, not ten.
    let taken = ledger::taken(&fanned);
    let (unnoted, (mut results, summary)) =
        futures::join!(ledger::note(deps, taken), send(deps, fanned));
    for (id, error) in unnoted {
        if !results.iter().any(|(failed, _)| *failed == id) {
            results.push((id, error));
        }
    }
    let now = deps.platform.clock.now();
    for (message_id, error) in &results {
        let event = RecordFailed {
            queue: "events",
            message_id: message_id.clone(),
            error: error.clone(),
            records_failed: 1,
        };
        deps.platform.telemetry.emit(&event, now.millis());
    }
    let duration_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
    deps.platform.telemetry.emit(
        &BatchFannedOut {
            duration_ms,
            ..summary
        },
        now.millis(),
    );
    Ok(respond(results.iter().map(|(id, _)| id.as_str())))
}

/// Messages of one queue, with the record that owes each.
#[derive(Default)]
struct Owed {
    owners: Vec<String>,
    messages: Vec<Outgoing>,
}

/// Sends what the records owe, and tells which records failed and why.
async fn send(
    deps: &Deps,
    fanned: Vec<(String, Result<Fanned, String>)>,
) -> (Vec<(String, String)>, BatchFannedOut) {
    let mut failed: Vec<(String, String)> = Vec::new();
    let mut owed = [Owed::default(), Owed::default(), Owed::default()];
    let mut summary = BatchFannedOut {
        events: 0,
        duplicates: 0,
        deliveries: 0,
        duration_ms: 0,
    };
    for (id, result) in fanned {
        match result {
            Ok(Fanned::Owes { messages, .. }) => {
                summary.events += 1;
                let kinds = [messages.deliveries, messages.audiences, messages.news];
                for (owed, messages) in owed.iter_mut().zip(kinds) {
                    owed.owners
                        .extend(std::iter::repeat_n(id.clone(), messages.len()));
                    owed.messages.extend(messages);
                }
            }
            Ok(Fanned::Duplicate) => summary.duplicates += 1,
            Ok(Fanned::Quarantined) => {}
            Err(error) => failed.push((id, error)),
        }
    }
    let queues = [&deps.webhooks, &deps.audiences, &deps.events];
    for (kind, (owed, queue)) in owed.into_iter().zip(queues).enumerate() {
        let sent = queue.send(&owed.messages).await;
        for (owner, result) in owed.owners.into_iter().zip(sent) {
            match result {
                Ok(()) if kind == 0 => summary.deliveries += 1,
                Ok(()) => {}
                Err(_) if failed.iter().any(|(id, _)| *id == owner) => {}
                Err(error) => failed.push((owner, error.to_string())),
            }
        }
    }
    (failed, summary)
}

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::id::NetworkId;
use providers::Hosts;
use queue::{Outgoing, Queue, each_record, respond};
use runtime::{Kept, Platform, SettingsError};
use store::{PushState, Store};
use telemetry::chain::chain;
use telemetry::event::{PushesDispatched, RecordFailed};
use vault::Vault;

use crate::Settings;
use crate::attempt::run;
use crate::clients::Clients;
use crate::network::Network;
use crate::outcome::{Credit, Later, Outcome};

/// How long settings, credentials and devices are used without asking: a master toggle turned off
/// stops every try that begins so much later.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(5);
const MAX_NETWORKS: usize = 1_000;

/// What the function needs from outside, and what it keeps between invocations: connections,
/// settings and which credentials are active.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) pushes: Queue,
    pub(crate) events: Queue,
    pub(crate) vault: Vault,
    pub(crate) clients: Clients,
    pub(crate) networks: Kept<NetworkId, Network>,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table)
                .spread_by(platform.random.clone()),
            pushes: Queue::new(platform.aws.sqs(), settings.push_queue),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            vault: Vault::new(
                platform.aws.secretsmanager(),
                settings.secret_prefix,
                platform.random.clone(),
            ),
            clients: Clients::new(settings.hosts),
            networks: Kept::new(MAX_AGE, MAX_NETWORKS),
            platform: platform.clone(),
        })
    }

    /// Speaks to the providers at `hosts` instead: a simulation has a network of its own.
    #[must_use]
    pub fn speaking_to(self, hosts: Hosts) -> Self {
        Self {
            clients: Clients::new(hosts),
            ..self
        }
    }
}

/// Works on a batch of pushes, all at once. Each record fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let began = deps.platform.clock.now();
    let results = each_record(batch, |record| run(deps, record, began)).await;
    let mut failed = Vec::new();
    let mut later = Vec::new();
    let mut credits: HashMap<Credit, u64> = HashMap::new();
    let mut sum = PushesDispatched {
        pushes_sent: 0,
        pushes_retried: 0,
        pushes_held: 0,
        pushes_stopped: 0,
        pushes_dead: 0,
        pushes_stale: 0,
        duration_ms: 0,
    };
    for (message_id, result) in results {
        match result {
            Ok(Outcome::Sent(credit)) => {
                sum.pushes_sent += 1;
                *credits.entry(credit).or_default() += 1;
            }
            Ok(Outcome::Later(message)) => {
                if message.state == PushState::Held {
                    sum.pushes_held += 1;
                } else {
                    sum.pushes_retried += 1;
                }
                later.push((message_id, *message));
            }
            Ok(Outcome::Gated) => sum.pushes_stopped += 1,
            Ok(Outcome::Dead) => sum.pushes_dead += 1,
            Ok(Outcome::Stale) => sum.pushes_stale += 1,
            Ok(Outcome::Quarantined) => {}
            Err(error) => failed.push((message_id, error)),
        }
    }
    failed.extend(send(deps, later).await);
    prove(deps, credits).await;
    let now = deps.platform.clock.now();
    for (message_id, error) in &failed {
        record_failed(deps, message_id, error);
    }
    sum.duration_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
    deps.platform.telemetry.emit(&sum, now.millis());
    Ok(respond(failed.iter().map(|(id, _)| id.as_str())))
}

/// Queues what comes again; gives the received messages that must stay, with the reason.
async fn send(deps: &Deps, later: Vec<(String, Later)>) -> Vec<(String, String)> {
    // Counted from now, not from when each was put off: the batch ends with its slowest try.
    let now = deps.platform.clock.now();
    let outgoing = later.iter().map(|(_, later)| Outgoing {
        body: later.message.write(),
        group: later.message.network.to_string(),
        delay: later.at.since(now),
    });
    let outgoing: Vec<_> = outgoing.collect();
    let sent = deps.pushes.send(&outgoing).await;
    let refused = sent.into_iter().zip(later);
    refused
        .filter_map(|(sent, (id, _))| Some((id, sent.err()?.to_string())))
        .collect()
}

/// Counts phones reached by credentials still in doubt. A count lost only keeps the doubt.
async fn prove(deps: &Deps, credits: HashMap<Credit, u64>) {
    for (credit, count) in credits.into_iter().filter(|(credit, _)| !credit.proven) {
        let counted = deps
            .store
            .count_answers(&credit.network, credit.slot, credit.version, (count, 0))
            .await;
        if let Err(error) = counted {
            record_failed(deps, "count of phones reached", &chain(&error));
        }
    }
}

fn record_failed(deps: &Deps, message_id: &str, error: &str) {
    let event = RecordFailed {
        queue: "pushes",
        message_id: message_id.to_owned(),
        error: error.to_owned(),
        records_failed: 1,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
}

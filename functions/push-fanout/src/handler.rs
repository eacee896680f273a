use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::id::NetworkId;
use queue::{Queue, each_record, respond};
use runtime::{Kept, Platform, SettingsError};
use store::Store;
use telemetry::chain::chain;
use telemetry::event::{AudiencesWorked, RecordFailed};

use crate::Settings;
use crate::network::Network;
use crate::page::{Counts, work};

/// How long settings and credentials are used without asking; dispatch looks at the master toggle
/// again before each send.
const MAX_AGE: Duration = Duration::from_secs(5);
const MAX_NETWORKS: usize = 1_000;

/// What the function needs from outside, and what it keeps between invocations.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) pushes: Queue,
    pub(crate) audiences: Queue,
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
            audiences: Queue::new(platform.aws.sqs(), settings.audience_queue),
            networks: Kept::new(MAX_AGE, MAX_NETWORKS),
            platform: platform.clone(),
        })
    }
}

/// Works on a batch of pages. Each record fails alone.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let began = deps.platform.clock.now();
    let worked = each_record(batch, |record| async move {
        work(deps, &record).await.map_err(|error| chain(&error))
    })
    .await;
    let now = deps.platform.clock.now();
    let mut sum = Counts::default();
    let mut failed = Vec::new();
    for (message_id, result) in worked {
        match result {
            Ok(counts) => sum.add(counts),
            Err(error) => {
                let event = RecordFailed {
                    queue: "audiences",
                    message_id: message_id.clone(),
                    error,
                    records_failed: 1,
                };
                deps.platform.telemetry.emit(&event, now.millis());
                failed.push(message_id);
            }
        }
    }
    let event = AudiencesWorked {
        people: sum.people,
        pushes_owed: sum.owed,
        pushes_gated: sum.gated,
        pushes_collapsed: sum.collapsed,
        duration_ms: u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX),
    };
    deps.platform.telemetry.emit(&event, now.millis());
    Ok(respond(failed.iter().map(String::as_str)))
}

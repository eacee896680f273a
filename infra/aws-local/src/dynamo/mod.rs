//! DynamoDB: the embedded table engine behind the JSON protocol, with its cost counted.

mod capacity;
mod engine;
mod reply;
mod sweep;

pub use sweep::SweepError;

use std::sync::Arc;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::ClockFn;
use crate::counts::{Counters, Units};
use crate::directory::{DataDirectory, OpenError};
use crate::protocol::{Reply, unknown_operation};
use capacity::{MeteredRequest, MeteredResponse};
use engine::Engine;

/// Every operation this service answers.
pub(crate) const OPERATIONS: &[&str] = &[
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeContinuousBackups",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "ListTables",
    "ListTagsOfResource",
    "PutItem",
    "Query",
    "Scan",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
];

#[derive(Clone)]
pub(crate) struct DynamoDb {
    engine: Arc<Engine>,
    clock: ClockFn,
    counters: Arc<Counters>,
}

impl DynamoDb {
    pub(crate) fn open(
        directory: Option<&DataDirectory>,
        clock: ClockFn,
        counters: Arc<Counters>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            engine: Arc::new(Engine::open(directory)?),
            clock,
            counters,
        })
    }

    pub(crate) async fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let answer = match operation {
            "GetItem" => self.metered(body, Database::get_item).await,
            "PutItem" => self.metered(body, Database::put_item).await,
            "UpdateItem" => self.metered(body, Database::update_item).await,
            "DeleteItem" => self.metered(body, Database::delete_item).await,
            "Query" => self.metered(body, Database::query).await,
            "Scan" => self.metered(body, Database::scan).await,
            "BatchGetItem" => self.metered(body, Database::batch_get_item).await,
            "BatchWriteItem" => self.metered(body, Database::batch_write_item).await,
            "TransactGetItems" => self.metered(body, Database::transact_get_items).await,
            "TransactWriteItems" => {
                self.count_parts(body);
                self.metered(body, Database::transact_write_items).await
            }
            "CreateTable" => self.plain(body, Database::create_table).await,
            "DeleteTable" => self.plain(body, Database::delete_table).await,
            "DescribeTable" => self.plain(body, Database::describe_table).await,
            "ListTables" => self.plain(body, Database::list_tables).await,
            "UpdateTable" => self.plain(body, Database::update_table).await,
            "UpdateTimeToLive" => self.plain(body, Database::update_time_to_live).await,
            "DescribeTimeToLive" => self.plain(body, Database::describe_time_to_live).await,
            "TagResource" => self.plain(body, Database::tag_resource).await,
            "UntagResource" => self.plain(body, Database::untag_resource).await,
            "ListTagsOfResource" => self.plain(body, Database::list_tags_of_resource).await,
            "DescribeContinuousBackups" | "UpdateContinuousBackups" => Ok(backups()),
            _ => {
                return unknown_operation(&format!(
                    "DynamoDB operation {operation} is not part of this local service"
                ));
            }
        };
        match answer {
            Ok(body) => reply::success(body),
            Err(error) => reply::failure(operation, error),
        }
    }

    /// AWS asks for a permission for each part of a transaction, so each is counted.
    fn count_parts(&self, body: &[u8]) {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let items = request
            .get("TransactItems")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for part in items.filter_map(|item| item.as_object()?.keys().next()) {
            let operations = [
                ("Put", "PutItem"),
                ("Update", "UpdateItem"),
                ("Delete", "DeleteItem"),
                ("ConditionCheck", "ConditionCheckItem"),
            ];
            let found = operations.iter().find(|(name, _)| name == part);
            if let Some((_, operation)) = found {
                self.counters.add_transacted(operation);
            }
        }
    }

    async fn plain<R, A>(
        &self,
        body: &[u8],
        call: fn(&Database, R) -> dynoxide::Result<A>,
    ) -> dynoxide::Result<Vec<u8>>
    where
        R: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let request: R = decode(body)?;
        let answer = self
            .engine
            .run(move |database| call(database, request))
            .await?;
        encode(&answer)
    }

    async fn metered<R, A>(
        &self,
        body: &[u8],
        call: fn(&Database, R) -> dynoxide::Result<A>,
    ) -> dynoxide::Result<Vec<u8>>
    where
        R: MeteredRequest + DeserializeOwned + Send + 'static,
        A: MeteredResponse + Serialize + Send + 'static,
    {
        let mut request: R = decode(body)?;
        let hide = request.ask();
        let refused_units = request.refused_units();
        match self
            .engine
            .run(move |database| call(database, request))
            .await
        {
            Ok(mut answer) => {
                self.counters.add_units(answer.metered(hide));
                encode(&answer)
            }
            Err(error) => {
                if is_refused_write(&error) {
                    self.counters.add_units(Units {
                        read: 0.0,
                        write: refused_units,
                    });
                }
                Err(error)
            }
        }
    }
}

fn is_refused_write(error: &DynoxideError) -> bool {
    matches!(
        error,
        DynoxideError::ConditionalCheckFailedException(..)
            | DynoxideError::TransactionCanceledException(..)
    )
}

fn decode<R: DeserializeOwned>(body: &[u8]) -> dynoxide::Result<R> {
    serde_json::from_slice(body).map_err(|error| reply::undecodable(&error))
}

fn encode(answer: &impl Serialize) -> dynoxide::Result<Vec<u8>> {
    serde_json::to_vec(answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Backups of a local table are copies of its directory; deployment code only needs the answer's shape.
fn backups() -> Vec<u8> {
    let answer = json!({
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" },
        }
    });
    answer.to_string().into_bytes()
}

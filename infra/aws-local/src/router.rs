//! One request in, one answer out: which service it is for, by its target header.

use std::sync::Arc;

use crate::counts::{Counters, Service};
use crate::directory::DataDirectory;
use crate::dynamo::{self, DynamoDb};
use crate::protocol::{Reply, unknown_operation};
use crate::secrets::{self, SecretsManager};
use crate::sqs::{self, Sqs};

/// The header that names service and operation in the AWS JSON protocols.
pub(crate) const TARGET_HEADER: &str = "x-amz-target";

#[derive(Clone)]
pub(crate) struct Router {
    pub(crate) dynamodb: DynamoDb,
    pub(crate) sqs: Sqs,
    pub(crate) secrets: SecretsManager,
    pub(crate) counters: Arc<Counters>,
    /// Declared after the services: they are closed before the lock is given up.
    pub(crate) _directory: Option<Arc<DataDirectory>>,
}

impl Router {
    pub(crate) async fn answer(&self, target: Option<&str>, body: &[u8]) -> Reply {
        let Some((prefix, operation)) = target.and_then(|target| target.split_once('.')) else {
            let message = "the x-amz-target header is missing: DynamoDB, SQS and Secrets Manager are served here, \
                 by their AWS JSON protocols only";
            return unknown_operation(message);
        };
        let (service, operations) = match prefix {
            "DynamoDB_20120810" => (Service::DynamoDb, dynamo::OPERATIONS),
            "AmazonSQS" => (Service::Sqs, sqs::OPERATIONS),
            "secretsmanager" => (Service::SecretsManager, secrets::OPERATIONS),
            _ => {
                let message = format!(
                    "service {prefix} is not served here: only DynamoDB, SQS and Secrets Manager are"
                );
                return unknown_operation(&message);
            }
        };
        if let Some(known) = operations.iter().find(|known| **known == operation) {
            self.counters.add(service, known, 1);
        }
        match service {
            Service::DynamoDb => self.dynamodb.answer(operation, body).await,
            Service::Sqs => self.sqs.answer(operation, body).await,
            Service::SecretsManager => self.secrets.answer(operation, body).await,
        }
    }
}

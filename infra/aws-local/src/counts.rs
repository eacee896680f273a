//! What was asked of the services, counted as AWS would bill it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// The three services this crate embeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    DynamoDb,
    Sqs,
    SecretsManager,
}

impl Service {
    /// The name under which [`CallCounts`] lists the service.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "sqs",
            Self::SecretsManager => "secretsmanager",
        }
    }
}

/// A snapshot of every call since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCounts {
    /// Service name, then operation name, then calls.
    pub operations: BTreeMap<String, BTreeMap<String, u64>>,
    /// Parts of DynamoDB transactions by the operation that AWS authorizes each as, such as
    /// `PutItem`.
    #[serde(default)]
    pub transacted: BTreeMap<String, u64>,
    pub dynamodb_write_units: f64,
    pub dynamodb_read_units: f64,
}

impl CallCounts {
    /// Calls of one operation; `operation` is the API's own name, such as `SendMessageBatch`.
    #[must_use]
    pub fn count(&self, service: Service, operation: &str) -> u64 {
        self.operations
            .get(service.name())
            .and_then(|operations| operations.get(operation))
            .copied()
            .unwrap_or(0)
    }

    /// Calls of all operations of one service.
    #[must_use]
    pub fn total(&self, service: Service) -> u64 {
        self.operations
            .get(service.name())
            .map_or(0, |operations| operations.values().sum())
    }
}

/// Capacity one DynamoDB call consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) read: f64,
    pub(crate) write: f64,
}

#[derive(Debug, Default)]
struct Tally {
    operations: BTreeMap<(Service, &'static str), u64>,
    transacted: BTreeMap<&'static str, u64>,
    units: Units,
}

#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Tally>);

impl Counters {
    pub(crate) fn add(&self, service: Service, operation: &'static str, calls: u64) {
        *self
            .tally()
            .operations
            .entry((service, operation))
            .or_insert(0) += calls;
    }

    pub(crate) fn add_transacted(&self, operation: &'static str) {
        *self.tally().transacted.entry(operation).or_insert(0) += 1;
    }

    pub(crate) fn add_units(&self, units: Units) {
        let mut tally = self.tally();
        tally.units.read += units.read;
        tally.units.write += units.write;
    }

    pub(crate) fn snapshot(&self) -> CallCounts {
        let tally = self.tally();
        let mut counts = CallCounts {
            dynamodb_write_units: tally.units.write,
            dynamodb_read_units: tally.units.read,
            ..CallCounts::default()
        };
        for (operation, parts) in &tally.transacted {
            counts.transacted.insert((*operation).to_owned(), *parts);
        }
        for ((service, operation), calls) in &tally.operations {
            counts
                .operations
                .entry(service.name().to_owned())
                .or_default()
                .insert((*operation).to_owned(), *calls);
        }
        counts
    }

    pub(crate) fn reset(&self) {
        *self.tally() = Tally::default();
    }

    // A panic between two additions leaves plain numbers, never a broken state.
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

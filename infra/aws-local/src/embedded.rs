//! All three services over one data directory, or in memory.

use std::path::PathBuf;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::net::TcpListener;

use crate::connector::InMemory;
use crate::counts::{CallCounts, Counters};
use crate::directory::{DataDirectory, OpenError};
use crate::dynamo::{DynamoDb, SweepError};
use crate::router::Router;
use crate::secrets::SecretsManager;
use crate::sqs::Sqs;
use crate::{ClockFn, listener};

/// Where the services keep their state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Created if missing, made owner-only, held by one process at a time.
    Directory(PathBuf),
    /// Gone when the last handle is dropped.
    Memory,
}

/// A handle on the running services; clones share them, and the last one dropped closes them.
///
/// SDK clients configured with [`http_client`](Self::http_client) hold the services open too.
#[derive(Clone)]
pub struct Embedded {
    router: Router,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens or creates the services' state.
    ///
    /// # Errors
    /// When the directory cannot be made or is held by another process, or a file in it is damaged.
    pub fn open(location: Location, clock: ClockFn) -> Result<Self, OpenError> {
        let directory = match location {
            Location::Directory(path) => Some(Arc::new(DataDirectory::open(&path)?)),
            Location::Memory => None,
        };
        let counters = Arc::new(Counters::default());
        let router = Router {
            dynamodb: DynamoDb::open(
                directory.as_deref(),
                Arc::clone(&clock),
                Arc::clone(&counters),
            )?,
            sqs: Sqs::open(
                directory.as_deref(),
                Arc::clone(&clock),
                Arc::clone(&counters),
            )?,
            secrets: SecretsManager::open(directory.as_deref(), clock)?,
            counters,
            _directory: directory,
        };
        Ok(Self { router })
    }

    /// The client that makes an SDK talk to these services without a socket.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InMemory(self.router.clone()))
    }

    /// What was asked of the services since the start or the last reset.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.router.counters.snapshot()
    }

    pub fn reset_calls(&self) {
        self.router.counters.reset();
    }

    /// The queues, without the SDK: for the pollers that stand in for Lambda's event sources.
    #[must_use]
    pub fn sqs(&self) -> &Sqs {
        &self.router.sqs
    }

    /// Deletes the items whose time to live is over, and returns how many there were.
    ///
    /// # Errors
    /// When the table engine fails; what was deleted so far stays deleted.
    pub async fn sweep_ttl(&self) -> Result<usize, SweepError> {
        self.router.dynamodb.sweep_ttl().await
    }

    /// Serves the same services over HTTP until `shutdown` completes and open requests are answered.
    ///
    /// # Errors
    /// When the listener is not bound to a loopback address.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future) -> std::io::Result<()> {
        listener::serve(self.router.clone(), listener, shutdown).await
    }
}

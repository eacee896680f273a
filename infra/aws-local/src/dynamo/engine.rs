//! One thread owns the table engine; tasks send it work and wait without blocking.
//!
//! The engine's calls are synchronous and exclude each other, so more threads would only
//! queue at its lock, and on a machine with two cores each of them could be one that
//! should be serving something else. Requests are decoded and answers encoded outside.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use dynoxide::{Database, DynoxideError};
use tokio::sync::oneshot;

use crate::directory::{DataDirectory, OpenError};

const FILE: &str = "table.db";

type Job = Box<dyn FnOnce(&Database) + Send>;

#[derive(Debug)]
pub(super) struct Engine {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub(super) fn open(directory: Option<&DataDirectory>) -> Result<Self, OpenError> {
        let database = match directory {
            Some(directory) => open_file(directory)?,
            None => Database::memory().map_err(|source| OpenError::Table {
                path: FILE.into(),
                source,
            })?,
        };
        let (jobs, incoming) = mpsc::channel::<Job>();
        let work = move || {
            for job in incoming {
                // A job that panics drops its answer; the engine serves the next one.
                drop(catch_unwind(AssertUnwindSafe(|| job(&database))));
            }
        };
        let thread = thread::Builder::new()
            .name("table".to_owned())
            .spawn(work)
            .map_err(OpenError::Thread)?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> dynoxide::Result<T> + Send + 'static,
    ) -> dynoxide::Result<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |database| {
            // A caller that no longer waits has no use for the answer.
            drop(sender.send(work(database)));
        });
        if let Some(jobs) = &self.jobs {
            // A failed send drops the job and with it the sender, which the receiver notices.
            drop(jobs.send(job));
        }
        let stopped =
            || DynoxideError::InternalServerError("the table engine gave no answer".to_owned());
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Engine {
    /// The database is closed before the directory's lock is given up.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn open_file(directory: &DataDirectory) -> Result<Database, OpenError> {
    let path = directory.private(FILE)?;
    let open = |text: &str| {
        let database = Database::new(text)?;
        // The engine's name for `synchronous = NORMAL`: a commit survives the process without
        // waiting for the disk. SQLite's default would wait at every single write.
        database.disable_bulk_loading()?;
        Ok(database)
    };
    open(&path.to_string_lossy()).map_err(|source| OpenError::Table { path, source })
}

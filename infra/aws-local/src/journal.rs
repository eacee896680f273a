//! Group commit: changes from many callers become one SQLite transaction.
//!
//! The service changes its memory first, hands the row changes over in the same
//! order while it still holds its own lock, and answers its caller only after the
//! transaction that holds them is committed. While one transaction is written, the
//! next one gathers, so the cost of a commit is shared by everyone who waits.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::directory::OpenError;

/// Bounds one transaction, so that no caller waits for an endless one.
const ENTRIES_PER_COMMIT: usize = 2_048;

/// A row change that leaves the same rows when it is applied twice.
pub(crate) trait Change: Send + 'static {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()>;
}

/// A change is in memory and not on disk; it is written with the next commit that succeeds.
#[derive(Clone, Debug, thiserror::Error)]
#[error("write the change to disk: {0}")]
pub(crate) struct NotDurable(String);

type Outcome = Result<(), NotDurable>;

enum Waiter {
    Task(oneshot::Sender<Outcome>),
    Thread(mpsc::Sender<Outcome>),
}

struct Entry<C> {
    changes: Vec<C>,
    waiter: Waiter,
}

/// Something to wait for outside of any lock.
#[must_use = "the change is not durable before the commit"]
#[derive(Debug)]
pub(crate) struct Commit(Option<oneshot::Receiver<Outcome>>);

impl Commit {
    pub(crate) async fn done(self) -> Outcome {
        match self.0 {
            None => Ok(()),
            Some(outcome) => outcome.await.unwrap_or_else(|_| Err(writer_ended())),
        }
    }
}

/// The writer of one database; without a database, every commit is done at once.
#[derive(Debug)]
pub(crate) struct Journal<C> {
    entries: Option<mpsc::Sender<Entry<C>>>,
    writer: Option<JoinHandle<()>>,
}

impl<C: Change> Journal<C> {
    pub(crate) fn memory() -> Self {
        Self {
            entries: None,
            writer: None,
        }
    }

    pub(crate) fn start(name: &str, connection: Connection) -> Result<Self, OpenError> {
        let (entries, incoming) = mpsc::channel();
        let writer = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || write_all(&connection, &incoming))
            .map_err(OpenError::Thread)?;
        Ok(Self {
            entries: Some(entries),
            writer: Some(writer),
        })
    }

    /// Call this under the lock that ordered the changes, and wait outside of it.
    pub(crate) fn record(&self, changes: Vec<C>) -> Commit {
        let Some(entries) = &self.entries else {
            return Commit(None);
        };
        if changes.is_empty() {
            return Commit(None);
        }
        let (sender, receiver) = oneshot::channel();
        // A failed send drops the sender, and the waiter learns that the writer ended.
        drop(entries.send(Entry {
            changes,
            waiter: Waiter::Task(sender),
        }));
        Commit(Some(receiver))
    }

    /// For callers that are not tasks: waits for the commit on this thread.
    pub(crate) fn record_and_wait(&self, changes: Vec<C>) -> Outcome {
        let Some(entries) = &self.entries else {
            return Ok(());
        };
        let (sender, receiver) = mpsc::channel();
        drop(entries.send(Entry {
            changes,
            waiter: Waiter::Thread(sender),
        }));
        receiver.recv().unwrap_or_else(|_| Err(writer_ended()))
    }
}

impl<C> Drop for Journal<C> {
    /// Everything handed over is on disk before the directory's lock is given up.
    fn drop(&mut self) {
        self.entries = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn writer_ended() -> NotDurable {
    NotDurable("the writer thread has ended; restart the process".to_owned())
}

fn write_all<C: Change>(connection: &Connection, incoming: &mpsc::Receiver<Entry<C>>) {
    // Changes of transactions that failed: the memory has them, so the disk must get them first.
    let mut owed: Vec<C> = Vec::new();
    while let Ok(first) = incoming.recv() {
        let entries: Vec<Entry<C>> = std::iter::once(first)
            .chain(incoming.try_iter().take(ENTRIES_PER_COMMIT))
            .collect();
        let outcome = commit(connection, &owed, &entries);
        match &outcome {
            Ok(()) => owed.clear(),
            Err(_) => drop(connection.execute_batch("ROLLBACK")),
        }
        for entry in entries {
            // A caller that no longer waits has no use for the answer.
            match entry.waiter {
                Waiter::Task(waiter) => drop(waiter.send(outcome.clone())),
                Waiter::Thread(waiter) => drop(waiter.send(outcome.clone())),
            }
            if outcome.is_err() {
                owed.extend(entry.changes);
            }
        }
    }
}

fn commit<C: Change>(connection: &Connection, owed: &[C], entries: &[Entry<C>]) -> Outcome {
    let write = || {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for change in owed
            .iter()
            .chain(entries.iter().flat_map(|entry| &entry.changes))
        {
            change.apply(connection)?;
        }
        connection.prepare_cached("COMMIT")?.execute([]).map(drop)
    };
    write().map_err(|error: rusqlite::Error| NotDurable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Insert(u32);

    impl Change for Insert {
        fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
            connection
                .execute("INSERT INTO numbers VALUES (?)", [self.0])
                .map(drop)
        }
    }

    #[test]
    fn a_change_that_could_not_be_written_is_written_with_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("numbers.db");
        let reader = Connection::open(&path).unwrap();
        let journal = Journal::start("test-writer", Connection::open(&path).unwrap()).unwrap();

        let refused = journal.record_and_wait(vec![Insert(1), Insert(2)]);
        assert!(refused.is_err(), "there is no table yet");
        reader
            .execute_batch("CREATE TABLE numbers (number)")
            .unwrap();
        journal.record_and_wait(vec![Insert(3)]).unwrap();

        let sql = "SELECT group_concat(number) FROM (SELECT number FROM numbers ORDER BY rowid)";
        let numbers: String = reader.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(numbers, "1,2,3");
    }
}

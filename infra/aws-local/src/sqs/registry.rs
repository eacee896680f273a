//! Which queues exist: opening, creating, changing and dropping them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use tokio::sync::Notify;

use super::attributes::{QueueAttributes, fifo_unsupported};
use super::error::SqsError;
use super::queue::{Queue, QueueCounts};
use super::storage::{QueueChange, SCHEMA, load_messages, load_queues};
use super::{Shared, Sqs};
use crate::ClockFn;
use crate::counts::Counters;
use crate::directory::{DataDirectory, OpenError};
use crate::journal::{Commit, Journal};

const FILE: &str = "queues.db";
const MAXIMUM_NAME: usize = 80;

impl Sqs {
    pub(crate) fn open(
        directory: Option<&DataDirectory>,
        clock: ClockFn,
        counters: Arc<Counters>,
    ) -> Result<Self, OpenError> {
        let mut shared = Shared {
            clock,
            counters,
            queues: RwLock::default(),
            journal: Journal::memory(),
            next_queue: AtomicI64::new(1),
            next_message: AtomicU64::new(1),
            settled: Notify::new(),
        };
        if let Some(directory) = directory {
            shared.load(directory)?;
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub(super) fn queue(&self, name: &str) -> Result<Arc<Queue>, SqsError> {
        let queues = self
            .shared
            .queues
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        queues
            .get(name)
            .cloned()
            .ok_or_else(SqsError::no_such_queue)
    }

    pub(super) fn all_queues(&self) -> Vec<Arc<Queue>> {
        let queues = self
            .shared
            .queues
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        queues.values().cloned().collect()
    }

    /// Creates the queue or replaces the settings of the existing one, and waits for the disk.
    pub(super) fn put_queue(
        &self,
        name: &str,
        attributes: QueueAttributes,
    ) -> Result<(), SqsError> {
        let change = self.change_queue(name, attributes)?;
        Ok(self.shared.journal.record_and_wait(vec![change])?)
    }

    /// [`put_queue`](Self::put_queue) for tasks.
    pub(super) fn put_queue_later(
        &self,
        name: &str,
        attributes: QueueAttributes,
    ) -> Result<Commit, SqsError> {
        let change = self.change_queue(name, attributes)?;
        Ok(self.shared.journal.record(vec![change]))
    }

    fn change_queue(
        &self,
        name: &str,
        attributes: QueueAttributes,
    ) -> Result<QueueChange, SqsError> {
        check_name(name)?;
        let dead_letters = self.dead_letters(name, &attributes)?;
        let now_ms = (self.shared.clock)();
        let queue = {
            let mut queues = self
                .shared
                .queues
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let create = || {
                let id = self.shared.next_queue.fetch_add(1, Ordering::Relaxed);
                Arc::new(Queue::new(
                    id,
                    name,
                    QueueAttributes::default(),
                    now_ms,
                    now_ms,
                ))
            };
            Arc::clone(queues.entry(name.to_owned()).or_insert_with(create))
        };
        let mut shelf = queue.shelf();
        shelf.attributes = attributes;
        shelf.modified_ms = now_ms;
        shelf.dead_letters = dead_letters;
        Ok(queue.definition(&shelf))
    }

    fn dead_letters(
        &self,
        name: &str,
        attributes: &QueueAttributes,
    ) -> Result<Weak<Queue>, SqsError> {
        let Some(redrive) = &attributes.redrive else {
            return Ok(Weak::new());
        };
        let target = &redrive.dead_letter_queue;
        let refuse = |reason: &str| Err(SqsError::parameter("RedrivePolicy", target, reason));
        if target == name {
            return refuse("A queue cannot be its own dead-letter queue.");
        }
        match self.queue(target) {
            Ok(queue) => Ok(Arc::downgrade(&queue)),
            Err(_) => refuse("Dead letter target does not exist."),
        }
    }

    pub(super) fn drop_queue(&self, name: &str) -> Result<Commit, SqsError> {
        let mut queues = self
            .shared
            .queues
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let queue = queues.remove(name).ok_or_else(SqsError::no_such_queue)?;
        // Under the registry's lock, so that a new queue of this name comes after it on disk too.
        Ok(self.shared.journal.record(vec![
            QueueChange::Purge { queue: queue.id },
            QueueChange::DropQueue { id: queue.id },
        ]))
    }

    pub(super) fn current_counts(&self, queue: &Arc<Queue>) -> QueueCounts {
        self.promote(queue);
        queue.shelf().counts()
    }

    pub(super) fn is_idle(&self) -> bool {
        let queues = self.all_queues();
        let dead_letters: Vec<String> = queues
            .iter()
            .filter_map(|queue| {
                queue
                    .shelf()
                    .attributes
                    .redrive
                    .as_ref()
                    .map(|redrive| redrive.dead_letter_queue.clone())
            })
            .collect();
        queues
            .iter()
            .filter(|queue| !dead_letters.contains(&queue.name))
            .all(|queue| {
                let counts = self.current_counts(queue);
                counts.visible == 0 && counts.in_flight == 0
            })
    }
}

impl Shared {
    fn load(&mut self, directory: &DataDirectory) -> Result<(), OpenError> {
        let (path, connection) = directory.database(FILE, SCHEMA)?;
        let mut by_id = HashMap::new();
        let mut by_name = BTreeMap::new();
        for stored in load_queues(&path, &connection)? {
            let queue = Arc::new(Queue::new(
                stored.id,
                &stored.name,
                stored.attributes,
                stored.created_ms,
                stored.modified_ms,
            ));
            self.next_queue = AtomicI64::new(stored.id + 1);
            by_name.insert(stored.name, Arc::clone(&queue));
            by_id.insert(stored.id, queue);
        }
        for queue in by_name.values() {
            let mut shelf = queue.shelf();
            let target = shelf
                .attributes
                .redrive
                .as_ref()
                .and_then(|redrive| by_name.get(&redrive.dead_letter_queue));
            let dead_letters = target.map_or_else(Weak::new, Arc::downgrade);
            shelf.dead_letters = dead_letters;
        }
        for (queue, held) in load_messages(&path, &connection)? {
            self.next_message = AtomicU64::new(held.content.id + 1);
            if let Some(queue) = by_id.get(&queue) {
                queue.shelf().put(held);
            }
        }
        self.queues = RwLock::new(by_name);
        self.journal = Journal::start("queues-writer", connection)?;
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), SqsError> {
    if name.ends_with(".fifo") {
        return Err(fifo_unsupported());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=MAXIMUM_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let reason =
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(SqsError::parameter("QueueName", name, reason))
}

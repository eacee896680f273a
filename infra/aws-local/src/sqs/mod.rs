//! SQS: standard queues with fair ordering, kept in memory and written through a journal.
//!
//! Every change happens first in memory under the lock of one queue, is handed to the
//! journal under the same lock (so rows change in the order memory did), and is
//! acknowledged when its transaction is committed. A receiver may therefore hold a
//! message whose send is not yet acknowledged, but never a change that could be lost
//! after it was acknowledged.

mod attributes;
mod error;
mod fair;
mod held;
mod message;
mod operations;
mod queue;
mod receipt;
mod registry;
mod shelf;
mod storage;
mod transfer;
mod wire;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

pub use attributes::{QueueAttributes, Redrive};
pub use error::{Code, SqsError};
pub use message::{MessageAttribute, MessageAttributes};
pub use queue::QueueCounts;

pub(crate) use operations::OPERATIONS;

use crate::ClockFn;
use crate::counts::{Counters, Service};
use crate::journal::Journal;
use held::Handed;
use queue::Queue;
use receipt::Receipt;
use storage::QueueChange;

/// The most messages one call of the API moves; larger typed calls count as several.
const CALL_SIZE: usize = 10;

/// The queues, for callers in this process; SDK clients come in through the connector.
#[derive(Clone)]
pub struct Sqs {
    shared: Arc<Shared>,
}

struct Shared {
    clock: ClockFn,
    counters: Arc<Counters>,
    queues: RwLock<BTreeMap<String, Arc<Queue>>>,
    journal: Journal<QueueChange>,
    next_queue: AtomicI64,
    next_message: AtomicU64,
    /// Rings whenever a queue may have become empty.
    settled: Notify,
}

impl std::fmt::Debug for Sqs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sqs").finish_non_exhaustive()
    }
}

/// One received message.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    pub body_md5: String,
    pub attributes: MessageAttributes,
    pub group_id: Option<String>,
    pub sent_ms: u64,
    pub first_received_ms: u64,
    pub receive_count: u32,
    /// The ARN of the queue this message was moved away from, in a dead-letter queue.
    pub dead_letter_source_arn: Option<String>,
    pub trace_header: Option<String>,
}

impl Received {
    fn new(handed: &Handed) -> Self {
        let content = &handed.content;
        Self {
            message_id: content.message_id.clone(),
            receipt_handle: handed.receipt.to_string(),
            body: content.body.clone(),
            body_md5: content.body_md5.clone(),
            attributes: content.attributes.clone(),
            group_id: content.group.as_deref().map(str::to_owned),
            sent_ms: content.sent_ms,
            first_received_ms: handed.receives.first_ms,
            receive_count: handed.receives.count,
            dead_letter_source_arn: handed.source.as_deref().map(str::to_owned),
            trace_header: content.trace.clone(),
        }
    }
}

impl Sqs {
    /// Creates the queue or changes its settings, and returns its URL.
    ///
    /// # Errors
    /// When the name or a setting is outside AWS's limits, or the dead-letter queue does not exist.
    pub fn create_queue(
        &self,
        name: &str,
        attributes: QueueAttributes,
    ) -> Result<String, SqsError> {
        attributes.check()?;
        self.put_queue(name, attributes)?;
        Ok(wire::queue_url(name))
    }

    /// Takes up to `most` messages, waiting up to `wait` for the first.
    ///
    /// This is the poll of an event source: it counts as `ReceiveMessage` calls, returns nothing
    /// (after the wait) for a queue that does not exist, and leaves messages for later when their
    /// receive cannot be made durable.
    pub async fn receive(&self, queue: &str, most: usize, wait: Duration) -> Vec<Received> {
        let Ok(found) = self.queue(queue) else {
            tokio::time::sleep(wait).await;
            return Vec::new();
        };
        let handed = self
            .take(&found, most, None, wait)
            .await
            .unwrap_or_default();
        self.count("ReceiveMessage", handed.len());
        handed.iter().map(Received::new).collect()
    }

    /// Deletes messages by their receipt handles; counts as `DeleteMessageBatch` calls.
    ///
    /// # Errors
    /// When the queue does not exist, a handle is not one of this queue, or the disk refuses.
    pub async fn delete_batch(
        &self,
        queue: &str,
        receipts: &[impl AsRef<str>],
    ) -> Result<(), SqsError> {
        let found = self.queue(queue)?;
        let receipts: Vec<Receipt> = receipts
            .iter()
            .map(|handle| found.receipt(handle.as_ref()))
            .collect::<Result<_, _>>()?;
        self.count("DeleteMessageBatch", receipts.len());
        Ok(self.delete(&found, &receipts).await?)
    }

    /// Lets a message come back `visible_in` from now; counts as one `ChangeMessageVisibility`.
    ///
    /// # Errors
    /// When the queue does not exist, the message is not in flight, or the time is out of range.
    pub async fn change_visibility(
        &self,
        queue: &str,
        receipt: &str,
        visible_in: Duration,
    ) -> Result<(), SqsError> {
        let found = self.queue(queue)?;
        self.count("ChangeMessageVisibility", 1);
        let seconds = u32::try_from(visible_in.as_secs()).unwrap_or(u32::MAX);
        self.set_visibility(&found, receipt, seconds)?
            .done()
            .await?;
        Ok(())
    }

    /// How many messages the queue holds now; zeros for a queue that does not exist.
    #[must_use]
    pub fn counts(&self, queue: &str) -> QueueCounts {
        self.queue(queue)
            .map(|queue| self.current_counts(&queue))
            .unwrap_or_default()
    }

    /// When the queue's next delayed or in-flight message becomes visible, for whoever moves the
    /// clock; `None` when it has none.
    #[must_use]
    pub fn next_visible_ms(&self, queue: &str) -> Option<u64> {
        self.queue(queue).ok()?.shelf().next_due_ms()
    }

    /// Makes every in-flight message of every queue visible at once.
    ///
    /// For the start of a process whose predecessor was the only consumer: nobody can still hold one.
    pub fn release_in_flight(&self) {
        let now_ms = (self.shared.clock)();
        for queue in self.all_queues() {
            let mut shelf = queue.shelf();
            // Should the disk refuse, the messages still come back by their timeout.
            drop(self.shared.journal.record(shelf.release_in_flight(now_ms)));
            drop(shelf);
            queue.wake.notify_waiters();
        }
    }

    /// Looks at the clock again: with a clock that tests move, this wakes whoever waits for a time.
    pub fn tick(&self) {
        for queue in self.all_queues() {
            queue.wake.notify_waiters();
        }
        self.shared.settled.notify_waiters();
    }

    /// Waits until no queue has a visible or in-flight message; delayed messages and
    /// dead-letter queues do not count.
    pub async fn idle(&self) {
        loop {
            let settled = self.shared.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.is_idle() {
                return;
            }
            settled.await;
        }
    }

    fn count(&self, operation: &'static str, messages: usize) {
        let calls = messages.div_ceil(CALL_SIZE).max(1);
        // A count above u64 cannot happen.
        self.shared.counters.add(
            Service::Sqs,
            operation,
            u64::try_from(calls).unwrap_or(u64::MAX),
        );
    }
}

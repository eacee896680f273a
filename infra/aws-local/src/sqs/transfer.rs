//! Messages in and out: send, receive with long polling, delete, visibility.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Sqs;
use super::attributes::MAXIMUM_VISIBILITY_SECONDS;
use super::error::SqsError;
use super::held::{Handed, Held, Receives, State, Taken};
use super::message::{Content, MessageAttributes, md5_of};
use super::queue::Queue;
use super::receipt::Receipt;
use super::storage::QueueChange;
use crate::journal::{Commit, NotDurable};
use crate::random;

/// A message that passed every check, on its way into a queue.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) body: String,
    pub(super) attributes: MessageAttributes,
    pub(super) group: Option<String>,
    pub(super) trace: Option<String>,
    /// `None` takes the queue's own delay.
    pub(super) delay_seconds: Option<u32>,
}

impl Sqs {
    /// Puts all messages into the queue with one commit.
    pub(super) fn send(
        &self,
        queue: &Queue,
        messages: Vec<Outgoing>,
    ) -> (Vec<Arc<Content>>, Commit) {
        let now_ms = (self.shared.clock)();
        let contents: Vec<(Option<u32>, Arc<Content>)> = messages
            .into_iter()
            .map(|message| {
                (
                    message.delay_seconds,
                    Arc::new(self.content(message, now_ms)),
                )
            })
            .collect();
        let mut changes = Vec::with_capacity(contents.len());
        let mut any_delayed = false;
        let mut shelf = queue.shelf();
        for (delay_seconds, content) in &contents {
            let delay_seconds = delay_seconds.unwrap_or(shelf.attributes.delay_seconds);
            let until_ms = now_ms + u64::from(delay_seconds) * 1_000;
            let state = if delay_seconds == 0 {
                State::Ready
            } else {
                State::Delayed { until_ms }
            };
            any_delayed |= delay_seconds > 0;
            changes.push(QueueChange::Send {
                queue: queue.id,
                content: Arc::clone(content),
                visible_ms: until_ms,
            });
            shelf.put(Held {
                content: Arc::clone(content),
                source: None,
                receives: Receives::default(),
                state,
            });
        }
        let commit = self.shared.journal.record(changes);
        drop(shelf);
        if any_delayed {
            // Every poll may have to wake earlier than it planned.
            queue.wake.notify_waiters();
        }
        // One poll is enough: it rings again when it leaves messages behind.
        queue.wake.notify_one();
        (
            contents.into_iter().map(|(_, content)| content).collect(),
            commit,
        )
    }

    fn content(&self, message: Outgoing, now_ms: u64) -> Content {
        Content {
            id: self.shared.next_message.fetch_add(1, Ordering::Relaxed),
            message_id: random::uuid(),
            body_md5: md5_of(message.body.as_bytes()),
            body: message.body,
            attributes: message.attributes,
            group: message.group.map(Arc::from),
            trace: message.trace,
            sent_ms: now_ms,
        }
    }

    /// Takes up to `most` messages, waiting up to `wait` for the first one.
    pub(super) async fn take(
        &self,
        queue: &Queue,
        most: usize,
        visibility_seconds: Option<u32>,
        wait: Duration,
    ) -> Result<Vec<Handed>, SqsError> {
        // A wait ends by the clock the caller gave or by real time, whichever is first:
        // a clock that stands still must not hold a poll for ever.
        let real_end = Instant::now() + wait;
        let end_ms = (self.shared.clock)()
            .saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        loop {
            let woken = queue.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let handed = self.take_now(queue, most, visibility_seconds).await?;
            let now_ms = (self.shared.clock)();
            if !handed.is_empty() || now_ms >= end_ms || Instant::now() >= real_end {
                return Ok(handed);
            }
            let next_due = queue.shelf().next_due_ms();
            let due = next_due.map(|due_ms| {
                Instant::now() + Duration::from_millis(due_ms.saturating_sub(now_ms))
            });
            let sleep = sleep_until(due.map_or(real_end, |due| due.min(real_end)));
            tokio::select! {
                () = woken => {}
                () = sleep => {}
            }
        }
    }

    async fn take_now(
        &self,
        queue: &Queue,
        most: usize,
        visibility_seconds: Option<u32>,
    ) -> Result<Vec<Handed>, SqsError> {
        let (taken, commit) = self.take_in_memory(queue, most, visibility_seconds)?;
        let handed = self.pass_on(queue, taken);
        commit.done().await?;
        Ok(handed)
    }

    fn take_in_memory(
        &self,
        queue: &Queue,
        most: usize,
        visibility_seconds: Option<u32>,
    ) -> Result<(Taken, Commit), SqsError> {
        let now_ms = (self.shared.clock)();
        let mut shelf = queue.shelf();
        let seconds = visibility_seconds.unwrap_or(shelf.attributes.visibility_timeout_seconds);
        let mut taken = shelf.take(now_ms, most, now_ms + u64::from(seconds) * 1_000)?;
        let commit = self
            .shared
            .journal
            .record(std::mem::take(&mut taken.changes));
        Ok((taken, commit))
    }

    /// Brings the queue up to the clock without taking a message.
    pub(super) fn promote(&self, queue: &Queue) {
        let mut shelf = queue.shelf();
        let mut taken = shelf.promote((self.shared.clock)());
        // Nobody is told about these moves; the journal writes them before anything that follows.
        drop(
            self.shared
                .journal
                .record(std::mem::take(&mut taken.changes)),
        );
        drop(shelf);
        self.pass_on(queue, taken);
    }

    /// Moves worn-out messages on, wakes the next receiver, and returns what was handed out.
    fn pass_on(&self, queue: &Queue, taken: Taken) -> Vec<Handed> {
        if taken.more {
            queue.wake.notify_one();
        }
        if !taken.dead.is_empty() {
            self.shared.settled.notify_waiters();
        }
        for (dead_letters, held) in taken.dead {
            dead_letters.shelf().put(held);
            dead_letters.wake.notify_one();
        }
        taken.handed
    }

    pub(super) fn delete(
        &self,
        queue: &Queue,
        receipts: &[Receipt],
    ) -> impl Future<Output = Result<(), NotDurable>> {
        let mut shelf = queue.shelf();
        let changes: Vec<QueueChange> = receipts
            .iter()
            .filter_map(|receipt| shelf.delete(receipt))
            .collect();
        let commit = self.shared.journal.record(changes);
        let counts = shelf.counts();
        drop(shelf);
        if counts.visible == 0 && counts.in_flight == 0 {
            self.shared.settled.notify_waiters();
        }
        commit.done()
    }

    pub(super) fn set_visibility(
        &self,
        queue: &Queue,
        handle: &str,
        seconds: u32,
    ) -> Result<Commit, SqsError> {
        check_visibility(seconds)?;
        let receipt = queue.receipt(handle)?;
        let now_ms = (self.shared.clock)();
        let mut shelf = queue.shelf();
        // What is due now is no longer in flight.
        let mut taken = shelf.promote(now_ms);
        let mut changes = std::mem::take(&mut taken.changes);
        let changed = shelf
            .change_visibility(&receipt, now_ms, seconds)
            .map(|change| changes.push(change));
        let commit = self.shared.journal.record(changes);
        drop(shelf);
        self.pass_on(queue, taken);
        queue.wake.notify_waiters();
        changed.map(|()| commit)
    }

    pub(super) fn purge(&self, queue: &Queue) -> Result<Commit, SqsError> {
        let commit = {
            let mut shelf = queue.shelf();
            let change = shelf.purge((self.shared.clock)())?;
            self.shared.journal.record(vec![change])
        };
        self.shared.settled.notify_waiters();
        Ok(commit)
    }
}

pub(super) fn check_visibility(seconds: u32) -> Result<(), SqsError> {
    if seconds <= MAXIMUM_VISIBILITY_SECONDS {
        return Ok(());
    }
    let reason = "Must be between 0 and 43200, if provided.";
    Err(SqsError::parameter("VisibilityTimeout", seconds, reason))
}

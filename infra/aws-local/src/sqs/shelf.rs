//! The messages of one queue in memory: which are visible, which come back later and when.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use super::attributes::{MAXIMUM_VISIBILITY_SECONDS, QueueAttributes};
use super::error::{Code, SqsError};
use super::fair::FairOrder;
use super::held::{Handed, Held, Receives, State, Taken};
use super::queue::{Queue, QueueCounts};
use super::receipt::Receipt;
use super::storage::QueueChange;

/// AWS's quota for messages of one standard queue that are received and not deleted.
const MAXIMUM_IN_FLIGHT: usize = 120_000;
const PURGE_PAUSE_MS: u64 = 60_000;

#[derive(Debug)]
pub(crate) struct Shelf {
    queue: i64,
    arn: Arc<str>,
    pub(crate) attributes: QueueAttributes,
    pub(crate) modified_ms: u64,
    /// Where messages go after `redrive.max_receive_count` receives, while that queue exists.
    pub(crate) dead_letters: Weak<Queue>,
    messages: HashMap<u64, Held>,
    ready: FairOrder,
    /// Delayed and in-flight messages by the time they become visible.
    later: BTreeSet<(u64, u64)>,
    delayed: usize,
    in_flight: usize,
    purged_ms: Option<u64>,
}

impl Shelf {
    pub(crate) fn new(
        queue: i64,
        arn: Arc<str>,
        attributes: QueueAttributes,
        modified_ms: u64,
    ) -> Self {
        Self {
            queue,
            arn,
            attributes,
            modified_ms,
            dead_letters: Weak::new(),
            messages: HashMap::new(),
            ready: FairOrder::default(),
            later: BTreeSet::new(),
            delayed: 0,
            in_flight: 0,
            purged_ms: None,
        }
    }

    pub(crate) fn put(&mut self, held: Held) {
        let id = held.content.id;
        match held.state {
            State::Ready => self.ready.push(&held.content.group, id),
            State::Delayed { until_ms } => {
                self.later.insert((until_ms, id));
                self.delayed += 1;
            }
            State::InFlight { until_ms, .. } => {
                self.later.insert((until_ms, id));
                self.in_flight += 1;
            }
        }
        self.messages.insert(id, held);
    }

    /// Hands out up to `most` visible messages and keeps them invisible until `visible_ms`.
    pub(crate) fn take(
        &mut self,
        now_ms: u64,
        most: usize,
        visible_ms: u64,
    ) -> Result<Taken, SqsError> {
        let mut taken = self.promote(now_ms);
        let room = MAXIMUM_IN_FLIGHT.saturating_sub(self.in_flight);
        if room == 0 && !self.ready.is_empty() && taken.changes.is_empty() {
            let message =
                format!("The maximum number of in flight messages is reached: {MAXIMUM_IN_FLIGHT}");
            return Err(SqsError::new(Code::OverLimit, message));
        }
        while taken.handed.len() < most.min(room) {
            let Some(id) = self.ready.pop() else { break };
            self.hand_out(id, now_ms, visible_ms, &mut taken);
        }
        taken.more = !self.ready.is_empty();
        Ok(taken)
    }

    fn hand_out(&mut self, id: u64, now_ms: u64, visible_ms: u64, taken: &mut Taken) {
        // A message deleted while it waited in line is gone; its place in the line is not.
        let Some(held) = self.messages.get_mut(&id) else {
            return;
        };
        let expires_ms =
            held.content.sent_ms + u64::from(self.attributes.retention_seconds) * 1_000;
        if expires_ms <= now_ms {
            self.messages.remove(&id);
            taken.changes.push(QueueChange::Delete { message: id });
            return;
        }
        held.receives.count += 1;
        if held.receives.count == 1 {
            held.receives.first_ms = now_ms;
        }
        held.state = State::InFlight {
            until_ms: visible_ms,
            since_ms: now_ms,
        };
        self.later.insert((visible_ms, id));
        self.in_flight += 1;
        let Receives {
            count, first_ms, ..
        } = held.receives;
        taken.changes.push(QueueChange::Receive {
            message: id,
            count,
            first_ms,
            visible_ms,
        });
        taken.handed.push(Handed {
            content: Arc::clone(&held.content),
            source: held.source.clone(),
            receives: held.receives,
            receipt: Receipt {
                queue: self.queue,
                message: id,
                count,
                message_id: held.content.message_id.clone(),
            },
        });
    }

    /// Makes every message visible whose delay or visibility timeout is over.
    pub(crate) fn promote(&mut self, now_ms: u64) -> Taken {
        let mut taken = Taken::default();
        while let Some(&(until_ms, id)) = self.later.first() {
            if until_ms > now_ms {
                break;
            }
            self.later.pop_first();
            self.make_ready(id, &mut taken);
        }
        taken
    }

    fn make_ready(&mut self, id: u64, taken: &mut Taken) {
        let Some(held) = self.messages.get_mut(&id) else {
            return;
        };
        match held.state {
            State::Ready => return,
            State::Delayed { .. } => self.delayed -= 1,
            State::InFlight { .. } => self.in_flight -= 1,
        }
        held.state = State::Ready;
        let received = held.receives.count - held.receives.earlier;
        let redrive = self.attributes.redrive.as_ref();
        let worn_out = redrive.is_some_and(|redrive| received >= redrive.max_receive_count);
        match self.dead_letters.upgrade() {
            Some(dead_letters) if worn_out => self.bury(id, dead_letters, taken),
            _ => self.ready.push(&held.content.group, id),
        }
    }

    fn bury(&mut self, id: u64, dead_letters: Arc<Queue>, taken: &mut Taken) {
        let Some(mut held) = self.messages.remove(&id) else {
            return;
        };
        held.receives.earlier = held.receives.count;
        held.source = Some(Arc::clone(&self.arn));
        taken.changes.push(QueueChange::MoveTo {
            queue: dead_letters.id,
            message: id,
            source: Arc::clone(&self.arn),
            earlier_receives: held.receives.count,
        });
        taken.dead.push((dead_letters, held));
    }

    /// Removes the message a receipt stands for; a stale receipt removes nothing, as on AWS.
    pub(crate) fn delete(&mut self, receipt: &Receipt) -> Option<QueueChange> {
        let id = receipt.message;
        let held = self
            .messages
            .get(&id)
            .filter(|held| receipt.is_latest(held))?;
        if let State::Delayed { until_ms } | State::InFlight { until_ms, .. } = held.state {
            self.later.remove(&(until_ms, id));
        }
        match held.state {
            State::Ready => {}
            State::Delayed { .. } => self.delayed -= 1,
            State::InFlight { .. } => self.in_flight -= 1,
        }
        self.messages.remove(&id);
        Some(QueueChange::Delete { message: id })
    }

    /// Moves the end of an in-flight message's invisibility to `seconds` from now.
    pub(crate) fn change_visibility(
        &mut self,
        receipt: &Receipt,
        now_ms: u64,
        seconds: u32,
    ) -> Result<QueueChange, SqsError> {
        let id = receipt.message;
        let held = self
            .messages
            .get_mut(&id)
            .filter(|held| receipt.is_latest(held))
            .ok_or_else(|| {
                let reason =
                    "Message does not exist or is not available for visibility timeout change.";
                SqsError::parameter("ReceiptHandle", receipt, reason)
            })?;
        let State::InFlight { until_ms, since_ms } = held.state else {
            let message = "The message referred to isn't in flight.";
            return Err(SqsError::new(Code::MessageNotInflight, message));
        };
        let visible_ms = now_ms + u64::from(seconds) * 1_000;
        let limit_ms = since_ms + u64::from(MAXIMUM_VISIBILITY_SECONDS) * 1_000;
        if visible_ms > limit_ms {
            let reason =
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(SqsError::parameter("VisibilityTimeout", seconds, reason));
        }
        held.state = State::InFlight {
            until_ms: visible_ms,
            since_ms,
        };
        self.later.remove(&(until_ms, id));
        self.later.insert((visible_ms, id));
        Ok(QueueChange::SetVisible {
            message: id,
            visible_ms,
        })
    }

    /// Lets every in-flight message come back now.
    pub(crate) fn release_in_flight(&mut self, now_ms: u64) -> Vec<QueueChange> {
        let mut changes = Vec::new();
        for (id, held) in &mut self.messages {
            let State::InFlight { until_ms, since_ms } = held.state else {
                continue;
            };
            self.later.remove(&(until_ms, *id));
            self.later.insert((now_ms, *id));
            held.state = State::InFlight {
                until_ms: now_ms,
                since_ms,
            };
            changes.push(QueueChange::SetVisible {
                message: *id,
                visible_ms: now_ms,
            });
        }
        changes
    }

    pub(crate) fn purge(&mut self, now_ms: u64) -> Result<QueueChange, SqsError> {
        if self
            .purged_ms
            .is_some_and(|purged_ms| now_ms < purged_ms + PURGE_PAUSE_MS)
        {
            let message = format!(
                "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                self.arn
            );
            return Err(SqsError::new(Code::PurgeQueueInProgress, message));
        }
        self.purged_ms = Some(now_ms);
        self.messages.clear();
        self.ready.clear();
        self.later.clear();
        self.delayed = 0;
        self.in_flight = 0;
        Ok(QueueChange::Purge { queue: self.queue })
    }

    pub(crate) fn counts(&self) -> QueueCounts {
        let Self {
            delayed, in_flight, ..
        } = *self;
        QueueCounts {
            visible: self.messages.len() - delayed - in_flight,
            in_flight,
            delayed,
        }
    }

    /// When the next invisible message becomes visible.
    pub(crate) fn next_due_ms(&self) -> Option<u64> {
        self.later.first().map(|(until_ms, _)| *until_ms)
    }
}

//! The messages that follow from a batch's records.
//!
//! A batch ends with its slowest attempt, which may hang for half a minute, and a message that waited
//! for that would come as much later than it is meant to. So each is sent when its own record is done.
//! But a batch to a receiver that fails has a message per record at nearly the same time, and one call
//! takes ten: so whoever is done first waits a moment for others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;
use queue::message::{DeliveryMessage, Turn};
use queue::{Outgoing, Queue};
use telemetry::event::RecordFailed;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::Deps;
use crate::admission::held_back;

/// How long a message waits for others to go with it, unless all other records are done before. Far
/// less than the second in which the queue counts.
const GATHERING: Duration = Duration::from_millis(50);

/// A message that is to arrive at a later time.
pub(crate) struct Later {
    pub(crate) message: Box<DeliveryMessage>,
    pub(crate) at: Timestamp,
    /// It replaces the received message: if the queue does not take it, that one must stay. Else the
    /// due index has it, so that the sweep would send it again.
    pub(crate) carried: bool,
}

impl Later {
    /// The queue rounds up, which is too late for a moment that is kept for it.
    fn delay(&self, now: Timestamp) -> Duration {
        let wait = self.at.since(now);
        match self.message.turn {
            Turn::Reserved { at, .. } if at == self.at => held_back(wait),
            Turn::Reserved { .. } | Turn::Unasked | Turn::Come | Turn::SentAway(_) => wait,
        }
    }
}

struct Waiting {
    later: Later,
    told: oneshot::Sender<Result<(), String>>,
}

#[derive(Default)]
struct Gathered {
    /// Records that may yet have something to send.
    at_work: usize,
    waiting: Vec<Waiting>,
    /// Whether someone waits to send all that is gathered by then.
    gathers: bool,
}

/// The outbox of one batch.
pub(crate) struct Outbox<'a> {
    deps: &'a Deps,
    gathered: Mutex<Gathered>,
    /// No record is at work any more.
    idle: Notify,
}

/// A record at work, until it sends or is dropped, also by a panic.
pub(crate) struct AtWork<'a>(&'a Outbox<'a>);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut gathered = self.0.gathered();
        gathered.at_work = gathered.at_work.saturating_sub(1);
        if gathered.at_work == 0 {
            self.0.idle.notify_one();
        }
    }
}

impl AtWork<'_> {
    /// Sends what follows from this record, together with what follows from others by then.
    ///
    /// # Errors
    /// When the received message must stay, because the queue did not take what replaces it.
    pub(crate) async fn send(self, later: Later) -> Result<(), String> {
        let outbox = self.0;
        let (told, hears) = oneshot::channel();
        let first = outbox.add(Waiting { later, told });
        drop(self);
        if first {
            // What ends first is good.
            let _ = timeout(GATHERING, outbox.idle()).await;
            outbox.send_all(outbox.take()).await;
        }
        // Who sent for all may have panicked half-way.
        let heard = hears.await;
        heard.unwrap_or_else(|_| Err("the message that follows was not sent".to_owned()))
    }
}

impl<'a> Outbox<'a> {
    /// For a batch of so many records, each of which [`begins`](Self::begin).
    pub(crate) fn new(deps: &'a Deps, records: usize) -> Self {
        Self {
            deps,
            gathered: Mutex::new(Gathered {
                at_work: records,
                ..Gathered::default()
            }),
            idle: Notify::new(),
        }
    }

    pub(crate) fn begin(&'a self) -> AtWork<'a> {
        AtWork(self)
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        // A panic elsewhere cannot leave it half-changed: nothing that can panic is done with it.
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is the first, which sends for all.
    fn add(&self, waiting: Waiting) -> bool {
        let mut gathered = self.gathered();
        gathered.waiting.push(waiting);
        !std::mem::replace(&mut gathered.gathers, true)
    }

    fn take(&self) -> Vec<Waiting> {
        let mut gathered = self.gathered();
        gathered.gathers = false;
        std::mem::take(&mut gathered.waiting)
    }

    async fn idle(&self) {
        while self.gathered().at_work > 0 {
            self.idle.notified().await;
        }
    }

    async fn send_all(&self, waiting: Vec<Waiting>) {
        let (slow, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|one| one.later.message.slow);
        tokio::join!(
            self.send_to(&self.deps.slow, slow),
            self.send_to(&self.deps.retries, others),
        );
    }

    async fn send_to(&self, queue: &Queue, waiting: Vec<Waiting>) {
        let now = self.deps.platform.clock.now();
        let outgoing = waiting.iter().map(|Waiting { later, .. }| Outgoing {
            body: later.message.write(),
            group: later.message.group(),
            delay: later.delay(now),
        });
        let outgoing: Vec<_> = outgoing.collect();
        let sent = queue.send(&outgoing).await;
        for (sent, Waiting { later, told }) in sent.into_iter().zip(waiting) {
            let result = match sent {
                Ok(()) => Ok(()),
                Err(error) if later.carried => Err(error.to_string()),
                Err(error) => {
                    let event = RecordFailed {
                        queue: "webhooks",
                        message_id: later.message.delivery.to_string(),
                        error: error.to_string(),
                        records_failed: 1,
                    };
                    self.deps.platform.telemetry.emit(&event, now.millis());
                    Ok(())
                }
            };
            // Who waits for it is in the same batch, and gone only with all of it.
            let _ = told.send(result);
        }
    }
}

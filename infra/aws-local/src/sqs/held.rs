//! A message in a queue, and what a receive takes out of it.

use std::sync::Arc;

use super::message::Content;
use super::queue::Queue;
use super::receipt::Receipt;
use super::storage::QueueChange;

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) content: Arc<Content>,
    /// The ARN of the queue this message was moved away from.
    pub(crate) source: Option<Arc<str>>,
    pub(crate) receives: Receives,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Receives {
    pub(crate) count: u32,
    /// Receives in the queue the message came from; they do not count for this queue's redrive.
    pub(crate) earlier: u32,
    pub(crate) first_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Delayed { until_ms: u64 },
    InFlight { until_ms: u64, since_ms: u64 },
}

/// A message as one receive saw it.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) content: Arc<Content>,
    pub(crate) source: Option<Arc<str>>,
    pub(crate) receives: Receives,
    pub(crate) receipt: Receipt,
}

/// What leaves a queue when it is asked for messages.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) handed: Vec<Handed>,
    /// Messages that were received too often, and the queue for them.
    pub(crate) dead: Vec<(Arc<Queue>, Held)>,
    pub(crate) changes: Vec<QueueChange>,
    /// Visible messages remain for another receiver.
    pub(crate) more: bool,
}

//! One queue: its identity, its lock, and the bell for those who wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::attributes::{QueueAttributes, arn};
use super::error::SqsError;
use super::receipt::{Receipt, invalid};
use super::shelf::Shelf;
use super::storage::QueueChange;

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) arn: Arc<str>,
    pub(crate) created_ms: u64,
    shelf: Mutex<Shelf>,
    /// Wakes long polls: one for new messages, all of them when times changed.
    pub(crate) wake: Notify,
}

/// How many messages are where; approximate on AWS, exact here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

impl Queue {
    pub(crate) fn new(
        id: i64,
        name: &str,
        attributes: QueueAttributes,
        created_ms: u64,
        modified_ms: u64,
    ) -> Self {
        let arn: Arc<str> = arn(name).into();
        let shelf = Shelf::new(id, Arc::clone(&arn), attributes, modified_ms);
        Self {
            id,
            name: name.to_owned(),
            arn,
            created_ms,
            shelf: Mutex::new(shelf),
            wake: Notify::new(),
        }
    }

    /// Every method of the shelf leaves it consistent, so a poisoned lock still holds a usable shelf.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn definition(&self, shelf: &Shelf) -> QueueChange {
        QueueChange::PutQueue {
            id: self.id,
            name: self.name.clone(),
            attributes: shelf.attributes.clone(),
            created_ms: self.created_ms,
            modified_ms: shelf.modified_ms,
        }
    }

    /// Reads a handle this queue gave out.
    pub(crate) fn receipt(&self, handle: &str) -> Result<Receipt, SqsError> {
        let receipt: Receipt = handle.parse()?;
        if receipt.queue == self.id {
            Ok(receipt)
        } else {
            Err(invalid(handle))
        }
    }
}

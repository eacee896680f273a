#![doc = include_str!("../README.md")]

mod connector;
mod counts;
mod directory;
mod dynamo;
mod embedded;
mod journal;
mod listener;
mod protocol;
mod random;
mod router;
mod secrets;
mod sqs;

use std::sync::Arc;

pub use counts::{CallCounts, Service};
pub use directory::OpenError;
pub use dynamo::SweepError;
pub use embedded::{Embedded, Location};
pub use sqs::{
    Code, MessageAttribute, MessageAttributes, QueueAttributes, QueueCounts, Received, Redrive,
    Sqs, SqsError,
};

/// Milliseconds since the Unix epoch.
pub type ClockFn = Arc<dyn Fn() -> u64 + Send + Sync>;

#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod message;
mod news;
pub mod push;
mod receive;
pub mod replay;
mod send;

pub use receive::{Record, each_record, respond};
pub use send::{MAX_DELAY, Outgoing, Queue, SendError};

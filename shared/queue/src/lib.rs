#![doc = include_str!("../README.md")]

pub mod message;
mod receive;
mod send;

pub use receive::{Record, each_record, respond};
pub use send::{MAX_DELAY, Outgoing, Queue, SendError};

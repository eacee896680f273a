#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod answer;
pub mod apns;
pub mod baidu;
mod client;
pub mod fcm;
mod hosts;
mod jwt;
mod order;
mod table;
mod trim;
mod written;

pub use answer::{Answer, Class};
pub use client::{Client, Mode, Unusable};
pub use hosts::{Hosts, InvalidHosts};
pub use order::{MessageId, Order, Unbuildable};
pub use written::{Written, written};

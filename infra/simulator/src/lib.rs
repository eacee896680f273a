#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod apns;
mod baidu;
mod der_tree;
mod fault;
mod fcm;
mod issue;
mod jwt;
mod oauth;
mod received;
mod reply;
#[cfg(test)]
mod rules;
mod server;
mod simulator;
mod state;
mod tls;

pub use fault::{Fault, Target};
pub use issue::{NotIssued, issue_certificate};
pub use received::Received;
pub use simulator::{Simulator, StartError};

#![doc = include_str!("../README.md")]
// A broken test set-up should stop the test where it breaks.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use this crate"
)]

mod clock;
mod libraries;
mod material;
mod receiver;

pub use clock::ManualClock;
pub use libraries::{node_modules, output, python_with};
pub use material::{TEAM, TOPIC, key_pair, push_certificate, service_account, signing_key};
pub use receiver::{Received, Receiver, Scripted};

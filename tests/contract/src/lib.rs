#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is test code: what cannot be read stops the test with its name"
)]

pub mod template;
pub mod workspace;

#[cfg(test)]
mod alarms;
#[cfg(test)]
mod crates;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod routes;

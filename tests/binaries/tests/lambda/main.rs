//! Each function's binary, run as Lambda runs it. See the README.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is test code"
)]

mod functions;
mod letters;
mod push;
mod receiver;
mod runtime_api;
mod sandbox;
mod starts;
mod world;

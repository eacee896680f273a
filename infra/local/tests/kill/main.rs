//! `kill -9` in the middle of work loses nothing that was accepted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

mod events;
mod replays;
mod served;

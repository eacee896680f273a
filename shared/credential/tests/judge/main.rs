//! Uploads and what is said of them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

mod certificates;
mod containers;
mod made;
mod other_kinds;

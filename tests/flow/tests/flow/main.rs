#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

mod harness;

mod again;
mod all_deliveries;
mod answers;
mod certificates;
mod changed;
mod choosing;
mod conservation;
mod deliver;
mod devices;
mod endpoints;
mod expiry;
mod expunge;
mod forms;
mod held;
mod keeping;
mod listings;
mod news;
mod pages;
mod parked;
mod phones;
mod push;
mod push_settings;
mod push_trouble;
mod quarantine;
mod rate;
mod receivers;
mod refuse;
mod replays;
mod retry;
mod sending;
mod set_aside;
mod slow;
mod straight_to_queue;
mod strict;
mod waiting;

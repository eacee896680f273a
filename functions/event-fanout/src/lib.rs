#![doc = include_str!("../README.md")]

mod endpoints;
mod fanout;
mod handler;
mod ledger;
mod push;
mod settings;

pub use handler::{Deps, handle};
pub use settings::Settings;

#![doc = include_str!("../README.md")]

mod aftermath;
mod attempt;
mod clients;
mod handler;
mod network;
mod news;
mod outcome;
mod settings;

pub use attempt::{DEADLINE, LATEST_START};
pub use handler::{Deps, handle};
pub use settings::Settings;

#![doc = include_str!("../README.md")]

mod attempt;
mod endpoints;
mod handler;
mod request;
mod settings;

pub use attempt::{DEADLINE, LATEST_START};
pub use handler::{Deps, handle};
pub use settings::Settings;

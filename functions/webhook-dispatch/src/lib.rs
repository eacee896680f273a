#![doc = include_str!("../README.md")]

mod admission;
mod aftermath;
mod answer;
mod attempt;
mod endpoints;
mod handler;
mod hidden;
mod make;
mod outbox;
mod pace;
mod quarantine;
mod request;
mod settings;
mod tell;

pub use attempt::{CONCLUSIONS, DEADLINE, LATEST_START, UNCLAIMED_WAIT};
pub use handler::{Deps, handle};
pub use settings::Settings;

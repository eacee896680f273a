#![doc = include_str!("../README.md")]

mod handler;
mod settings;
mod sweep;

pub use handler::{Deps, handle};
pub use settings::Settings;

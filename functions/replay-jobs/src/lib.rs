#![doc = include_str!("../README.md")]

mod handler;
mod page;
mod settings;
mod step;

pub use handler::{Deps, handle};
pub use settings::Settings;

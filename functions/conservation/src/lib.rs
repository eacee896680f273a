#![doc = include_str!("../README.md")]

mod check;
mod handler;
mod settings;

pub use handler::{Deps, handle};
pub use settings::Settings;

#![doc = include_str!("../README.md")]

mod handler;
mod left_keys;
mod settings;
mod warn;

pub use handler::{Deps, handle};
pub use settings::Settings;

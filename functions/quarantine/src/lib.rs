#![doc = include_str!("../README.md")]

mod dead_letter;
mod handler;
mod push;
mod settings;

pub use handler::{Deps, handle};
pub use settings::Settings;

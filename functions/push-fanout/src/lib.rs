#![doc = include_str!("../README.md")]

mod before;
mod handler;
mod network;
mod page;
mod person;
mod settings;
mod summary;

pub use handler::{Deps, handle};
pub use settings::Settings;

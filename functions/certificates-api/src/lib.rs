#![doc = include_str!("../README.md")]

mod handler;
mod operations;
mod settings;
mod shape;

pub use handler::{Deps, Operation, ROUTES, handle};
pub use operations::ApiDoc;
pub use settings::Settings;

#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod known;
mod schema;

pub use known::Known;
pub use schema::{MAX_BYTES, MAX_PARTS, MAX_PATTERNS, Schema, SchemaError, Violation};

//! Baidu Cloud Push, REST 3.0: written from its documents, **not verified against the live
//! service**.

mod client;
mod code;
mod message;
mod sign;

pub(crate) use client::Baidu;
pub use message::{MAX_MESSAGE, message};
pub use sign::{sign, urlencode};

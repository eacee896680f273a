#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod address;
pub mod api_key;
pub mod attempt;
pub mod base32;
pub mod catalogue;
pub mod credential;
pub mod delivery;
pub mod endpoint;
pub mod envelope;
pub mod event;
pub mod event_type;
pub mod field;
pub mod filter;
pub mod header;
pub mod health;
pub mod id;
pub mod matching;
pub mod network;
pub mod operational;
pub mod push;
pub mod replay;
pub mod retry;
pub mod signing;
pub mod time;
pub mod webhook_url;

//! Apple Push Notification service, provider API:
//! <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>.

mod client;
mod connection;
mod message;
mod reason;
mod token;

pub(crate) use client::Apns;
pub(crate) use message::aps;
pub use message::{MAX_PAYLOAD, Message, message};

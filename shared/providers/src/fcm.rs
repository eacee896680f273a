//! Firebase Cloud Messaging, HTTP v1:
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>.

mod client;
mod error;
mod message;
mod oauth;

pub(crate) use client::Fcm;
pub use message::{MAX_MESSAGE, message, payload_bytes, request_body};
pub(crate) use oauth::form_headers;

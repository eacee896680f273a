//! Push notifications: which events may become one, what must be asked before it is sent, and what
//! a device is to be shown.
//!
//! A [`request::Request`] comes with an event. For each person of its audience
//! [`gate::decide`] asks the gates, by the network's [`settings`] and the person's
//! [`preference`]s, and [`render::render`] makes of it what each device is shown.

pub mod device;
pub mod event;
pub mod gate;
pub mod message;
pub mod preference;
pub mod render;
pub mod request;
pub mod settings;
pub mod template;
pub mod throttle;

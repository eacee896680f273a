//! Push notifications: which events may become one, what must be asked before it is sent, and what
//! a device is to be shown.

pub mod device;
pub mod event;
pub mod message;
pub mod template;
pub mod throttle;

use queue::message::{DeliveryMessage, Malformed};
use queue::push::{AudienceMessage, PushMessage};
use queue::replay::ReplayMessage;

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else {
        return;
    };
    same(text, DeliveryMessage::read, DeliveryMessage::write);
    same(text, AudienceMessage::read, AudienceMessage::write);
    same(text, PushMessage::read, PushMessage::write);
    same(text, ReplayMessage::read, ReplayMessage::write);
}

/// What is read is written as something that reads as the same.
fn same<T: std::fmt::Debug>(
    text: &str,
    read: fn(&str) -> Result<T, Malformed>,
    write: fn(&T) -> String,
) {
    let Ok(message) = read(text) else {
        return;
    };
    let written = write(&message);
    let again = read(&written).expect("a message that was read before");
    assert_eq!(format!("{again:?}"), format!("{message:?}"), "{text}");
    assert_eq!(write(&again), written);
}

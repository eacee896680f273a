//! A device inside its user's record. The names are short: a user may have twenty, and a broadcast
//! reads everyone's.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::credential::Slot;
use domain::push::device::{Device, DeviceId, Locale, Token};
use domain::time::Timestamp;

use crate::item::{Item, n, s};

pub(super) fn write(device: &Device) -> AttributeValue {
    let mut entry: Item = [
        ("i", s(device.id.as_str())),
        ("s", s(device.slot.to_string())),
        ("t", s(device.token.expose())),
        ("r", n(device.registered.millis())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(locale) = &device.locale {
        entry.insert("l".to_owned(), s(locale.as_str()));
    }
    AttributeValue::M(entry)
}

pub(super) fn read(value: &AttributeValue) -> Option<Device> {
    let entry = value.as_m().ok()?;
    let text = |name: &str| entry.get(name)?.as_s().ok().map(String::as_str);
    let slot = Slot::parse(text("s")?)?;
    Some(Device {
        id: DeviceId::parse(text("i")?)?,
        slot,
        token: Token::parse(text("t")?, slot.provider())?,
        locale: text("l").and_then(Locale::parse),
        registered: Timestamp::from_millis(entry.get("r")?.as_n().ok()?.parse().ok()?),
    })
}

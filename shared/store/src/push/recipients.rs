use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::NetworkId;
use domain::push::device::{Device, UserId};
use domain::push::event::Module;
use domain::push::preference::{PlacePreference, Preferences, Recipient};

use super::device_text;
use crate::batch::Wanted;
use crate::item::{Item, Reader, n, s};
use crate::key::{Key, user_partition};
use crate::{Error, Store};

/// A network's users are spread over this many partitions, and a broadcast walks each. Never
/// change it: it is part of every stored key.
pub const USER_SHARDS: u8 = 16;

/// A recipient as stored.
#[derive(Debug, Clone)]
pub struct StoredRecipient {
    /// Of whom nothing is stored, when `version` is 0.
    pub recipient: Recipient,
    /// Grows by one with every change.
    pub version: u64,
}

/// Some of a network's users, in the order of their ids.
#[derive(Debug, Clone)]
pub struct RecipientPage {
    /// Everybody of whom anything is stored, with and without devices.
    pub recipients: Vec<Recipient>,
    /// After whom the next page starts; `None` when the partition is done.
    pub next: Option<UserId>,
}

impl Store {
    /// One user; somebody nobody told of has no devices and default preferences.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn recipient(
        &self,
        network: &NetworkId,
        user: &UserId,
    ) -> Result<StoredRecipient, Error> {
        const OPERATION: &str = "reading a user";
        let item = self.get(&Key::user(network, user), OPERATION).await?;
        item.map_or_else(
            || {
                Ok(StoredRecipient {
                    recipient: Recipient::unknown(user.clone()),
                    version: 0,
                })
            },
            |item| read(&item, OPERATION),
        )
    }

    /// Up to [`MAX_BATCH`](crate::MAX_BATCH) users in one call, in the order asked for.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn recipients(
        &self,
        network: &NetworkId,
        users: &[UserId],
    ) -> Result<Vec<Recipient>, Error> {
        const OPERATION: &str = "reading users";
        let keys = users.iter().map(|user| Key::user(network, user));
        // A device registered before an event was reported must get its push.
        let items = self.batch_get(keys, Wanted::All, OPERATION).await?;
        let mut found: HashMap<UserId, Recipient> = HashMap::new();
        for item in &items {
            let stored = read(item, OPERATION)?.recipient;
            found.insert(stored.user.clone(), stored);
        }
        let each = users.iter().map(|user| {
            let known = found.remove(user);
            known.unwrap_or_else(|| Recipient::unknown(user.clone()))
        });
        Ok(each.collect())
    }

    /// The users of one of the network's [`USER_SHARDS`] partitions who come after `after`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn walk_users(
        &self,
        network: &NetworkId,
        shard: u8,
        after: Option<&UserId>,
        limit: i32,
    ) -> Result<RecipientPage, Error> {
        const OPERATION: &str = "walking users";
        let answer = self
            .query_after(&user_partition(network, shard), after.map(UserId::as_str))
            .consistent_read(true)
            .limit(limit)
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let mut recipients = Vec::new();
        for item in answer.items() {
            recipients.push(read(item, OPERATION)?.recipient);
        }
        let next = answer
            .last_evaluated_key()
            .map(|key| Reader::new(key, OPERATION).parsed("sk", UserId::parse));
        Ok(RecipientPage {
            recipients,
            next: next.transpose()?,
        })
    }
}

/// The whole item of a user at `version`.
pub(super) fn write(network: &NetworkId, stored: &StoredRecipient) -> Item {
    let Recipient {
        user,
        devices,
        preferences,
    } = &stored.recipient;
    let mut item: Item = [("version", n(stored.version))]
        .into_iter()
        .chain(Key::user(network, user).attributes())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    if !devices.is_empty() {
        let devices = devices.iter().map(device_text::write);
        put("devices", AttributeValue::L(devices.collect()));
    }
    if preferences.off {
        put("off", AttributeValue::Bool(true));
    }
    if !preferences.modules_off.is_empty() {
        let words = preferences
            .modules_off
            .iter()
            .map(|module| s(module.word()));
        put("modulesOff", AttributeValue::L(words.collect()));
    }
    if !preferences.places.is_empty() {
        let places = preferences.places.iter();
        let places = places.map(|(key, decided)| (key.clone(), s(decided.to_text())));
        put("places", AttributeValue::M(places.collect()));
    }
    item
}

fn read(item: &Item, operation: &'static str) -> Result<StoredRecipient, Error> {
    let reader = Reader::new(item, operation);
    let list = |name: &str| item.get(name).and_then(|value| value.as_l().ok());
    let devices = list("devices").into_iter().flatten();
    let devices: Option<Vec<Device>> = devices.map(device_text::read).collect();
    let modules = list("modulesOff").into_iter().flatten();
    let modules: Option<BTreeSet<_>> = modules
        .map(|word| Module::parse(word.as_s().ok()?))
        .collect();
    let places = item.get("places").and_then(|value| value.as_m().ok());
    let places: Option<_> = places
        .into_iter()
        .flatten()
        .map(|(key, text)| Some((key.clone(), PlacePreference::parse(text.as_s().ok()?)?)))
        .collect();
    Ok(StoredRecipient {
        recipient: Recipient {
            user: reader.parsed("sk", UserId::parse)?,
            devices: devices.ok_or_else(|| reader.bad("devices"))?,
            preferences: Preferences {
                off: item.get("off").and_then(|value| value.as_bool().ok()) == Some(&true),
                modules_off: modules.ok_or_else(|| reader.bad("modulesOff"))?,
                places: places.ok_or_else(|| reader.bad("places"))?,
            },
        },
        version: reader.number("version")?,
    })
}

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use domain::id::NetworkId;
use domain::push::device::{Device, DeviceId, MAX_DEVICES, Token, UserId};
use domain::time::Timestamp;

use super::recipients::{StoredRecipient, write};
use crate::item::{Item, Reader, s};
use crate::key::Key;
use crate::transaction::Committed;
use crate::{Error, Store};

/// What registering a device did besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// Whether this user had no device of this id before.
    pub new: bool,
    /// Who had the device or its token before and lost it.
    pub left: Vec<UserId>,
    /// The user's oldest devices, dropped to make room.
    pub dropped: Vec<DeviceId>,
}

/// The users that one registration changes, as they were read and as they become.
struct Change<'a> {
    network: &'a NetworkId,
    users: BTreeMap<UserId, StoredRecipient>,
    /// Devices that nobody has any more: their pointers go too.
    gone: Vec<Device>,
}

impl Store {
    /// Makes `device` one of `user`'s. Whoever had it, or its token, has it no longer; of more than
    /// [`MAX_DEVICES`] the ones registered longest ago leave. All of it happens together.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same user,
    /// device or token.
    pub async fn register_device(
        &self,
        network: &NetworkId,
        user: &UserId,
        device: &Device,
    ) -> Result<Registered, Error> {
        const OPERATION: &str = "registering a device";
        let mut tries = self.tries(OPERATION);
        loop {
            let mut change = Change::new(network);
            let owners = [
                self.owner(&Key::device(network, &device.id), OPERATION)
                    .await?,
                self.owner(&Key::token(network, &device.token), OPERATION)
                    .await?,
            ];
            let [by_device, by_token] = &owners;
            for owner in owners.iter().flatten().chain([user]) {
                if !change.users.contains_key(owner) {
                    let stored = self.recipient(network, owner).await?;
                    change.users.insert(owner.clone(), stored);
                }
            }
            let registered = change.register(user, device);
            let mut items = change.items(OPERATION, &self.table)?;
            for (key, before) in [
                (Key::device(network, &device.id), by_device),
                (Key::token(network, &device.token), by_token),
            ] {
                items.push(self.point(&key, user, before.as_ref(), OPERATION)?);
            }
            if self.transact_as_read(OPERATION, items).await? == Committed::Yes {
                return Ok(registered);
            }
            tries.again().await?;
        }
    }

    /// Removes a device. Told why, as a provider's word about a token, only if the device still has
    /// this token and registered it before that word was spoken. `false` when there was nothing to
    /// remove.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same user,
    /// device or token.
    pub async fn remove_device(
        &self,
        network: &NetworkId,
        id: &DeviceId,
        dead: Option<(&Token, Timestamp)>,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "removing a device";
        let mut tries = self.tries(OPERATION);
        loop {
            let Some(owner) = self.owner(&Key::device(network, id), OPERATION).await? else {
                return Ok(false);
            };
            let mut change = Change::new(network);
            let stored = self.recipient(network, &owner).await?;
            let held = stored.recipient.devices.iter().find(|held| held.id == *id);
            let alive = |held: &Device| {
                dead.is_some_and(|(token, said)| held.token != *token || held.registered > said)
            };
            let Some(held) = held.filter(|held| !alive(held)).cloned() else {
                return Ok(false);
            };
            change.users.insert(owner, stored);
            change.take_away(|device| device.id == *id);
            change.gone.push(held);
            let items = change.items(OPERATION, &self.table)?;
            if self.transact_as_read(OPERATION, items).await? == Committed::Yes {
                return Ok(true);
            }
            tries.again().await?;
        }
    }

    async fn owner(&self, key: &Key, operation: &'static str) -> Result<Option<UserId>, Error> {
        let item = self.get(key, operation).await?;
        item.map(|item| Reader::new(&item, operation).parsed("user", UserId::parse))
            .transpose()
    }

    /// Points from a device or token to its owner; refused when it points elsewhere by now.
    fn point(
        &self,
        key: &Key,
        user: &UserId,
        before: Option<&UserId>,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let item = [("user", s(user.as_str()))]
            .into_iter()
            .chain(key.attributes())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(before) => put
                .condition_expression("#user = :before")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":before", s(before.as_str())),
        };
        let put = put.build().map_err(|_| Error::Item {
            operation,
            what: "item",
        })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl<'a> Change<'a> {
    fn new(network: &'a NetworkId) -> Self {
        Self {
            network,
            users: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    fn register(&mut self, user: &UserId, device: &Device) -> Registered {
        let mut registered = Registered {
            new: true,
            ..Registered::default()
        };
        let same = |held: &Device| held.id == device.id || held.token == device.token;
        for (owner, held) in self.take_away(same) {
            if owner == *user {
                registered.new &= held.id != device.id;
            } else if !registered.left.contains(&owner) {
                registered.left.push(owner);
            }
            self.gone.push(held);
        }
        let Some(stored) = self.users.get_mut(user) else {
            return registered;
        };
        let devices = &mut stored.recipient.devices;
        devices.push(device.clone());
        devices.sort_by_key(|held| held.registered);
        while devices.len() > MAX_DEVICES {
            let oldest = devices.remove(0);
            registered.dropped.push(oldest.id.clone());
            self.gone.push(oldest);
        }
        registered
    }

    /// Takes devices from their owners.
    fn take_away(&mut self, which: impl Fn(&Device) -> bool) -> Vec<(UserId, Device)> {
        let mut taken = Vec::new();
        for (owner, stored) in &mut self.users {
            let devices = std::mem::take(&mut stored.recipient.devices);
            let (gone, kept): (Vec<_>, Vec<_>) = devices.into_iter().partition(&which);
            stored.recipient.devices = kept;
            taken.extend(gone.into_iter().map(|device| (owner.clone(), device)));
        }
        taken
    }

    fn items(
        mut self,
        operation: &'static str,
        table: &str,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let bad = |_| Error::Item {
            operation,
            what: "item",
        };
        let kept: Vec<Device> = self
            .users
            .values()
            .flat_map(|stored| stored.recipient.devices.clone())
            .collect();
        let mut items = Vec::new();
        for stored in self.users.values_mut() {
            let before = stored.version;
            stored.version = before.saturating_add(1);
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(write(self.network, stored)));
            // The race: two changes of one user; only one may build on what both read.
            let put = if before == 0 {
                put.condition_expression("attribute_not_exists(pk)")
            } else {
                put.condition_expression("version = :before")
                    .expression_attribute_values(":before", crate::item::n(before))
            };
            items.push(
                TransactWriteItem::builder()
                    .put(put.build().map_err(bad)?)
                    .build(),
            );
        }
        let mut keys = BTreeMap::new();
        for gone in &self.gone {
            if !kept.iter().any(|device| device.id == gone.id) {
                let key = Key::device(self.network, &gone.id);
                keys.insert((key.pk.clone(), key.sk.clone()), key);
            }
            if !kept.iter().any(|device| device.token == gone.token) {
                let key = Key::token(self.network, &gone.token);
                keys.insert((key.pk.clone(), key.sk.clone()), key);
            }
        }
        for key in keys.into_values() {
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(names(key.attributes())))
                .build()
                .map_err(bad)?;
            items.push(TransactWriteItem::builder().delete(delete).build());
        }
        Ok(items)
    }
}

fn names(attributes: [(&'static str, AttributeValue); 2]) -> Item {
    attributes
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

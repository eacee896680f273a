use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::catalogue::OwnType;
use domain::event_type::EventType;
use domain::id::NetworkId;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::packed::{pack_text, unpack_text};
use crate::transaction::Committed;
use crate::{Error, Store};

/// Most own event types of one network that are not archived.
/// Source: Stripe, which documents about 250 types; twice that.
pub const MAX_OWN_TYPES: u32 = 500;

/// How many versions of an event type are kept.
const KEPT: u64 = 100;

/// Whether an event type was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeChange {
    /// By this call.
    Made,
    /// Not: another change came first.
    Raced,
    /// Not: the network has [`MAX_OWN_TYPES`].
    Full,
}

impl Store {
    /// An own event type as it is now, archived or not.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn own_type(
        &self,
        network: &NetworkId,
        name: &EventType,
    ) -> Result<Option<OwnType>, Error> {
        const OPERATION: &str = "reading an event type";
        let item = self.get(&Key::own_type(network, name), OPERATION).await?;
        item.map(|item| read(&item, OPERATION)).transpose()
    }

    /// At most `limit` own event types in order of name, those after `after`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn own_types(
        &self,
        network: &NetworkId,
        after: Option<&EventType>,
        limit: usize,
    ) -> Result<Vec<OwnType>, Error> {
        const OPERATION: &str = "listing event types";
        let partition = Key::network(network).pk;
        // No name has a space, and every sign of a name comes after it.
        let from = after.map_or_else(String::new, |name| format!("{name} "));
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", s(partition))
            .expression_attribute_values(":from", s(format!("TYPE#{from}")))
            .expression_attribute_values(":to", s("TYPE#~"));
        let mut types = Vec::new();
        let mut pages = call.into_paginator().send();
        while types.len() < limit
            && let Some(page) = pages.next().await
        {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                types.push(read(item, OPERATION)?);
            }
        }
        types.truncate(limit);
        Ok(types)
    }

    /// At most `limit` versions of an own event type, newest first, those before `before`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn own_type_versions(
        &self,
        network: &NetworkId,
        name: &EventType,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OwnType>, Error> {
        const OPERATION: &str = "listing versions of an event type";
        let newest = before.map_or(LAST_VERSION, |before| before.saturating_sub(1));
        let key = |version| s(Key::own_type_at(network, name, version).sk);
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", s(Key::network(network).pk))
            .expression_attribute_values(":from", key(0))
            .expression_attribute_values(":to", key(newest))
            .scan_index_forward(false);
        let mut versions = Vec::new();
        let mut pages = call.into_paginator().send();
        while versions.len() < limit
            && let Some(page) = pages.next().await
        {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                versions.push(read(item, OPERATION)?);
            }
        }
        versions.truncate(limit);
        Ok(versions)
    }

    /// Makes `next` the type as it is now and keeps it as a version, if the version before it is
    /// still `before`'s (none for a new type), and raises the network's type version.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn change_own_type(
        &self,
        network: &NetworkId,
        before: Option<&OwnType>,
        next: &OwnType,
    ) -> Result<TypeChange, Error> {
        const OPERATION: &str = "changing an event type";
        let bad = |_| Error::Item {
            operation: OPERATION,
            what: "item",
        };
        let put = |key: &Key| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(write(key, next)))
        };
        let current = put(&Key::own_type(network, &next.name));
        // The race: two changes read the same version; only one may build on it.
        let current = match before {
            None => current.condition_expression("attribute_not_exists(pk)"),
            Some(before) => current
                .condition_expression("version = :before")
                .expression_attribute_values(":before", n(before.version)),
        };
        let version = put(&Key::own_type_at(network, &next.name, next.version));
        let mut items = vec![self.count_types(network, before, next)?];
        for put in [current, version] {
            let put = put.build().map_err(bad)?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        if let Some(old) = next.version.checked_sub(KEPT).filter(|old| *old > 0) {
            let [pk, sk] = Key::own_type_at(network, &next.name, old).attributes();
            let delete = Delete::builder()
                .table_name(&self.table)
                .key(pk.0, pk.1)
                .key(sk.0, sk.1)
                .build()
                .map_err(bad)?;
            items.push(TransactWriteItem::builder().delete(delete).build());
        }
        if self.transact(OPERATION, items).await? == Committed::Yes {
            return Ok(TypeChange::Made);
        }
        // Which condition it was: if the type is still as it was, the count.
        let now = self.own_type(network, &next.name).await?;
        let version = |own: Option<&OwnType>| own.map(|own| own.version);
        Ok(if version(now.as_ref()) == version(before) {
            TypeChange::Full
        } else {
            TypeChange::Raced
        })
    }

    /// One more type that is not archived, or one less, or a change of one; and a new version of
    /// them all.
    fn count_types(
        &self,
        network: &NetworkId,
        before: Option<&OwnType>,
        next: &OwnType,
    ) -> Result<TransactWriteItem, Error> {
        let [pk, sk] = Key::network(network).attributes();
        let update = Update::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .expression_attribute_values(":one", n(1));
        let was_live = before.is_some_and(|before| !before.archived);
        let update = match (was_live, next.archived) {
            (false, false) => update
                .update_expression("ADD typesVersion :one, eventTypes :one")
                .condition_expression("attribute_not_exists(eventTypes) OR eventTypes < :most")
                .expression_attribute_values(":most", n(MAX_OWN_TYPES)),
            (true, true) => update
                .update_expression("ADD typesVersion :one, eventTypes :less")
                .expression_attribute_values(":less", AttributeValue::N("-1".to_owned())),
            (true, false) | (false, true) => update.update_expression("ADD typesVersion :one"),
        };
        let update = update.build().map_err(|_| Error::Item {
            operation: "counting event types",
            what: "key",
        })?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// The largest number that a version's key can hold.
const LAST_VERSION: u64 = 999_999_999_999;

fn write(key: &Key, own: &OwnType) -> Item {
    let description = own.description.as_ref();
    let attributes = [
        ("name", s(own.name.as_str())),
        ("schema", pack_text(&own.schema)),
        ("example", pack_text(&own.example)),
        ("version", n(own.version)),
        ("archived", AttributeValue::Bool(own.archived)),
        ("at", n(own.at.millis())),
    ];
    attributes
        .into_iter()
        .chain(description.map(|text| ("description", s(text))))
        .chain(key.attributes())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn read(item: &Item, operation: &'static str) -> Result<OwnType, Error> {
    let reader = Reader::new(item, operation);
    let text = |name: &'static str| {
        let text = item.get(name).and_then(unpack_text);
        text.ok_or_else(|| reader.bad(name))
    };
    Ok(OwnType {
        name: reader.parsed("name", EventType::parse)?,
        description: reader.maybe_text("description").map(str::to_owned),
        schema: text("schema")?,
        example: text("example")?,
        version: reader.number("version")?,
        archived: reader.flag("archived")?,
        at: reader.time("at")?,
    })
}

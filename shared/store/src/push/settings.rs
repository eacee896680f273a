use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use domain::id::NetworkId;
use domain::push::settings::Draft;
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::packed::{pack_text, unpack_text};
use crate::transaction::Committed;
use crate::{Error, Store};

/// How many versions of a network's settings are kept.
const KEPT: u64 = 100;

/// A network's push settings as they were written at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsVersion {
    /// From 1; 0 is the network that never changed any.
    pub version: u64,
    /// When this version was made.
    pub at: Timestamp,
    /// Which version it repeats, when it was made by a rollback.
    pub repeats: Option<u64>,
    /// What was written.
    pub draft: Draft,
}

impl Store {
    /// The settings in force.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn push_settings(&self, network: &NetworkId) -> Result<SettingsVersion, Error> {
        const OPERATION: &str = "reading push settings";
        let item = self.get(&Key::push_settings(network), OPERATION).await?;
        item.map_or_else(
            || {
                Ok(SettingsVersion {
                    version: 0,
                    at: Timestamp::EPOCH,
                    repeats: None,
                    draft: Draft::default(),
                })
            },
            |item| read(&item, OPERATION),
        )
    }

    /// One earlier or present version; `None` when it never was or is kept no longer.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn push_settings_at(
        &self,
        network: &NetworkId,
        version: u64,
    ) -> Result<Option<SettingsVersion>, Error> {
        const OPERATION: &str = "reading a version of push settings";
        let key = Key::push_settings_at(network, version);
        let item = self.get(&key, OPERATION).await?;
        item.map(|item| read(&item, OPERATION)).transpose()
    }

    /// The versions that are kept, newest first.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn push_settings_versions(
        &self,
        network: &NetworkId,
    ) -> Result<Vec<SettingsVersion>, Error> {
        const OPERATION: &str = "listing versions of push settings";
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(Key::push_settings(network).pk))
            .expression_attribute_values(":sk", s("PUSHV#"))
            .scan_index_forward(false)
            .into_paginator()
            .send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                versions.push(read(item, OPERATION)?);
            }
        }
        Ok(versions)
    }

    /// Makes `next` the settings in force and keeps it as a version. `false` when another change
    /// came first.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn put_push_settings(
        &self,
        network: &NetworkId,
        next: &SettingsVersion,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "changing push settings";
        let bad = |_| Error::Item {
            operation: OPERATION,
            what: "item",
        };
        let put = |key: &Key| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(write(key, next)))
        };
        let before = next.version.saturating_sub(1);
        let current = put(&Key::push_settings(network));
        // The race: two changes read the same version; only one may build on it.
        let current = if before == 0 {
            current.condition_expression("attribute_not_exists(pk)")
        } else {
            current
                .condition_expression("version = :before")
                .expression_attribute_values(":before", n(before))
        };
        let mut items = vec![current, put(&Key::push_settings_at(network, next.version))]
            .into_iter()
            .map(|put| {
                let put = put.build().map_err(bad)?;
                Ok(TransactWriteItem::builder().put(put).build())
            })
            .collect::<Result<Vec<_>, Error>>()?;
        if let Some(old) = next.version.checked_sub(KEPT).filter(|old| *old > 0) {
            let [pk, sk] = Key::push_settings_at(network, old).attributes();
            let delete = Delete::builder()
                .table_name(&self.table)
                .key(pk.0, pk.1)
                .key(sk.0, sk.1)
                .build()
                .map_err(bad)?;
            items.push(TransactWriteItem::builder().delete(delete).build());
        }
        Ok(self.transact(OPERATION, items).await? == Committed::Yes)
    }
}

fn write(key: &Key, settings: &SettingsVersion) -> Item {
    // A draft is texts, numbers and maps by text; serialising it cannot fail.
    let text = serde_json::to_string(&settings.draft).unwrap_or_default();
    let repeats = settings.repeats.map(|version| ("repeats", n(version)));
    let attributes: [(&'static str, AttributeValue); 3] = [
        ("version", n(settings.version)),
        ("at", n(settings.at.millis())),
        ("settings", pack_text(&text)),
    ];
    attributes
        .into_iter()
        .chain(repeats)
        .chain(key.attributes())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn read(item: &Item, operation: &'static str) -> Result<SettingsVersion, Error> {
    let reader = Reader::new(item, operation);
    let text = item.get("settings").and_then(unpack_text);
    let draft = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(SettingsVersion {
        version: reader.number("version")?,
        at: reader.time("at")?,
        repeats: reader.maybe_number("repeats"),
        draft: draft.ok_or_else(|| reader.bad("settings"))?,
    })
}

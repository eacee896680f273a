use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use domain::credential::{Environment, Facts, Fingerprint, Kind, Record, Slot};
use domain::id::{CredentialId, NetworkId};
use domain::idempotency::Idempotency;
use domain::time::Timestamp;

use super::slots::{ActiveSlot, read_slot};
use crate::expiry::Dated;
use crate::idempotency::Before;
use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::transaction::Committed;
use crate::{Error, Store};

/// A network's credentials, and which of them are active.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// In the order of their ids, so oldest first.
    pub records: Vec<Record>,
    /// At most one per slot.
    pub active: Vec<ActiveSlot>,
}

/// What became of a new credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    New,
    /// The same `Idempotency-Key` made this before; nothing is kept.
    Before(Before),
    /// The same material is kept for the same place under this id; nothing is kept.
    Duplicate(CredentialId),
}

impl Credentials {
    /// The active slot and the credential in it.
    #[must_use]
    pub fn in_slot(&self, slot: Slot) -> Option<(&ActiveSlot, &Record)> {
        let active = self.active.iter().find(|active| active.slot == slot)?;
        let record = self.records.iter().find(|one| one.id == active.credential);
        Some((active, record?))
    }
}

impl Store {
    /// Keeps what is known of a new credential, unless its material serves the same place already, or
    /// the same `Idempotency-Key` made something before. Its material is in the vault already.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn put_credential(
        &self,
        record: &Record,
        memory: Option<&Idempotency>,
    ) -> Result<Kept, Error> {
        const OPERATION: &str = "keeping a credential";
        let network = &record.network;
        let material = Key::material(record);
        let marker = material
            .attributes()
            .into_iter()
            .chain([("credential", s(record.id.to_string()))])
            .map(|(name, value)| (name.to_owned(), value));
        let mut items = vec![
            self.put_new(write(record), OPERATION)?,
            // The race: two uploads of one file at once.
            self.put_new(marker.collect(), OPERATION)?,
        ];
        if let Some(memory) = memory {
            items.push(self.remember(network, memory, record.id.to_string(), OPERATION)?);
        }
        if self.transact(OPERATION, items).await? == Committed::Yes {
            return Ok(Kept::New);
        }
        if let Some(memory) = memory
            && let Some(before) = self.made_before(network, memory).await?
        {
            return Ok(Kept::Before(before));
        }
        // The credential's own id is random, so nothing else can have refused it.
        let twin = self.get(&material, OPERATION).await?.unwrap_or_default();
        let twin = Reader::new(&twin, OPERATION).parsed("credential", CredentialId::parse)?;
        Ok(Kept::Duplicate(twin))
    }

    /// One credential; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn credential(
        &self,
        network: &NetworkId,
        id: CredentialId,
    ) -> Result<Option<Record>, Error> {
        const OPERATION: &str = "reading a credential";
        let item = self.get(&Key::credential(network, id), OPERATION).await?;
        item.map(|item| read(&item, network, OPERATION)).transpose()
    }

    /// All credentials of a network and the slots they are active in, in one consistent query.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn credentials(&self, network: &NetworkId) -> Result<Credentials, Error> {
        const OPERATION: &str = "listing credentials";
        let mut found = Credentials::default();
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(Key::credentials(network)))
            .consistent_read(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                if Reader::new(item, OPERATION)
                    .text("sk")?
                    .starts_with("SLOT#")
                {
                    found.active.push(read_slot(item, OPERATION)?);
                } else {
                    found.records.push(read(item, network, OPERATION)?);
                }
            }
        }
        Ok(found)
    }

    /// Makes a credential the active one of its slot. `before` is the slot as it was read, `None` when it
    /// was empty, and `next` what [`ActiveSlot::activated`] makes of it. `false` when another change came
    /// first or the credential is gone.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn activate_credential(
        &self,
        record: &Record,
        before: Option<&ActiveSlot>,
        next: &ActiveSlot,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "activating a credential";
        let bad = |_| Error::Item {
            operation: OPERATION,
            what: "item",
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(next.write(&record.network)));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(before) => {
                // The race: what it was read as, it is no longer. Whatever became of it meanwhile would
                // be lost.
                let paused = exists("pausedAt", before.paused.is_some());
                let recovering = exists("recoveringAt", before.recovering.is_some());
                let guarded = exists("guardedAt", before.guarded);
                let same = format!("version = :before AND {paused} AND {recovering} AND {guarded}");
                put.condition_expression(same)
                    .expression_attribute_values(":before", n(before.version))
            }
        };
        let [pk, sk] = Key::credential(&record.network, record.id).attributes();
        // The race: it is deleted while it is made active.
        let exists = ConditionCheck::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .condition_expression("attribute_exists(pk)");
        let items = vec![
            TransactWriteItem::builder()
                .put(put.build().map_err(bad)?)
                .build(),
            TransactWriteItem::builder()
                .condition_check(exists.build().map_err(bad)?)
                .build(),
        ];
        Ok(self.transact(OPERATION, items).await? == Committed::Yes)
    }

    /// Forgets a credential, and stops watching its end. `false` when it is active, or there is none.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn delete_credential(&self, record: &Record) -> Result<bool, Error> {
        const OPERATION: &str = "deleting a credential";
        let bad = |_| Error::Item {
            operation: OPERATION,
            what: "item",
        };
        let [pk, sk] = Key::credential(&record.network, record.id).attributes();
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .condition_expression("attribute_exists(pk)");
        let [pk, sk] = Key::slot(&record.network, record.slot).attributes();
        // The race: it is activated while it is deleted.
        let inactive = ConditionCheck::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .condition_expression("attribute_not_exists(pk) OR credential <> :id")
            .expression_attribute_values(":id", s(record.id.to_string()));
        let [pk, sk] = Key::material(record).attributes();
        let marker = Delete::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1);
        let [pk, sk] = Key::expiry(&record.network, Dated::Credential(record.id)).attributes();
        let watch = Delete::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1);
        let items = vec![
            TransactWriteItem::builder()
                .delete(watch.build().map_err(bad)?)
                .build(),
            TransactWriteItem::builder()
                .delete(marker.build().map_err(bad)?)
                .build(),
            TransactWriteItem::builder()
                .delete(delete.build().map_err(bad)?)
                .build(),
            TransactWriteItem::builder()
                .condition_check(inactive.build().map_err(bad)?)
                .build(),
        ];
        Ok(self.transact(OPERATION, items).await? == Committed::Yes)
    }
}

fn exists(attribute: &str, there: bool) -> String {
    let not = if there { "" } else { "not_" };
    format!("attribute_{not}exists({attribute})")
}

fn write(record: &Record) -> Item {
    let facts = &record.facts;
    let list = |texts: Vec<String>| AttributeValue::L(texts.into_iter().map(s).collect());
    let words = facts.environments.iter();
    let words = words.map(|environment| environment.word().to_owned());
    let attributes = [
        ("name", s(&record.name)),
        ("slot", s(record.slot.to_string())),
        ("kind", s(facts.kind.word())),
        ("topics", list(facts.topics.clone())),
        ("environments", list(words.collect())),
        ("fingerprint", s(facts.fingerprint.to_string())),
        ("created", n(record.created.millis())),
    ];
    let text = |name: &'static str, value: &Option<String>| Some((name, s(value.clone()?)));
    let optional = [
        text("bundleId", &facts.bundle_id),
        text("teamId", &facts.team_id),
        text("keyId", &facts.key_id),
        text("projectId", &facts.project_id),
        // Not `expires`: that is the attribute by which DynamoDB deletes.
        facts.expires.map(|at| ("notAfter", n(at.millis()))),
    ];
    attributes
        .into_iter()
        .chain(optional.into_iter().flatten())
        .chain(Key::credential(&record.network, record.id).attributes())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn read(item: &Item, network: &NetworkId, operation: &'static str) -> Result<Record, Error> {
    let reader = Reader::new(item, operation);
    let text = |name: &str| reader.maybe_text(name).map(str::to_owned);
    Ok(Record {
        id: reader.parsed("sk", |sk| CredentialId::parse(sk.strip_prefix("CRED#")?))?,
        network: network.clone(),
        name: reader.text("name")?.to_owned(),
        slot: reader.parsed("slot", Slot::parse)?,
        facts: Facts {
            kind: reader.parsed("kind", Kind::parse)?,
            bundle_id: text("bundleId"),
            team_id: text("teamId"),
            key_id: text("keyId"),
            project_id: text("projectId"),
            topics: reader.list("topics", |topic| topic.as_s().ok().cloned())?,
            environments: reader
                .list("environments", |word| Environment::parse(word.as_s().ok()?))?,
            expires: reader.maybe_number("notAfter").map(Timestamp::from_millis),
            fingerprint: reader.parsed("fingerprint", Fingerprint::parse)?,
        },
        created: reader.time("created")?,
    })
}

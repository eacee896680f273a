//! Whose keys may be left over. Vault and table are two stores, so an endpoint can be gone, or never
//! come to be, while the vault still has its keys: each is remembered here until somebody has made
//! sure that it is not so.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// Its shard of the due index; deliveries and ends are in others.
const SHARD: &str = "keys";

/// The request that is at the endpoint, and others that began before its end, are over by then.
const UNDER_WAY: Duration = Duration::from_secs(3600);

/// An endpoint whose keys may be left over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftKeys {
    /// Whose it is or was.
    pub network: NetworkId,
    /// It may exist after all.
    pub endpoint: EndpointId,
}

impl Store {
    /// Remembers that an endpoint is about to be made; [`Store::create_endpoint`] forgets it again.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn watch_keys(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let call = self.client.put_item().table_name(&self.table);
        call.set_item(Some(watch(network, endpoint, now)))
            .send()
            .await
            .map_err(Error::call("remembering keys that are made"))?;
        Ok(())
    }

    /// The same as part of a transaction.
    pub(crate) fn watching_keys(
        &self,
        (network, endpoint): (&NetworkId, EndpointId),
        now: Timestamp,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        self.put_new(watch(network, endpoint, now), operation)
    }

    /// The part of a transaction that forgets: the endpoint exists by it, and its keys are in use.
    pub(crate) fn keys_in_use(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let [pk, sk] = Key::left_keys(network, endpoint).attributes();
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .build();
        let delete = delete.map_err(|_| Error::Item {
            operation,
            what: "key",
        })?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Whose keys may be left over from more than an hour ago. The index lags behind the table for a
    /// moment, so each is to be asked for before anything is done about it.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn left_keys(&self, now: Timestamp) -> Result<Vec<LeftKeys>, Error> {
        const OPERATION: &str = "listing keys that may be left over";
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("dueShard = :shard AND dueAt <= :now")
            .expression_attribute_values(":shard", s(SHARD))
            .expression_attribute_values(":now", n(now.millis()))
            .into_paginator()
            .send();
        let mut left = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                let reader = Reader::new(item, OPERATION);
                left.push(LeftKeys {
                    network: reader.parsed("pk", |pk| NetworkId::parse(pk.strip_prefix("X#")?))?,
                    endpoint: reader
                        .parsed("sk", |sk| EndpointId::parse(sk.strip_prefix("KEYS#")?))?,
                });
            }
        }
        Ok(left)
    }

    /// Forgets one: it has no keys that are left over.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn forget_left_keys(&self, left: &LeftKeys) -> Result<(), Error> {
        let key = Key::left_keys(&left.network, left.endpoint);
        self.forget(key, "forgetting keys that are gone").await
    }
}

fn watch(network: &NetworkId, endpoint: EndpointId, now: Timestamp) -> Item {
    let attributes = [
        ("dueShard", s(SHARD)),
        ("dueAt", n(now.after(UNDER_WAY).millis())),
    ];
    attributes
        .into_iter()
        .chain(Key::left_keys(network, endpoint).attributes())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::endpoint::{Disabled, Endpoint};
use domain::id::{EndpointId, NetworkId};
use domain::idempotency::Idempotency;
use domain::network::Retention;
use domain::time::Timestamp;

use crate::endpoint_item::{read, write};
use crate::expiry::Dated;
use crate::idempotency::Before;
use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::transaction::Committed;
use crate::{Error, Store};

/// Most endpoints of one network: an event's plan of this many fits its item, with room for the body.
pub const MAX_ENDPOINTS: u32 = 10_000;

const REPLACING: &str = "updating an endpoint";

/// Whether a create request made its endpoint, or one before it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Made by this call.
    Now,
    /// Not made: the network has [`MAX_ENDPOINTS`].
    Full,
    /// The same `Idempotency-Key` made something before.
    Before(Before),
}

impl Store {
    /// Stores a new endpoint and raises the network's endpoint version, together or not at all. With
    /// an idempotency key goes what it is to say was made.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn create_endpoint(
        &self,
        endpoint: &Endpoint,
        idempotency: Option<(&Idempotency, String)>,
    ) -> Result<Created, Error> {
        const OPERATION: &str = "creating an endpoint";
        let mut items = vec![
            self.put_new(write(endpoint), OPERATION)?,
            self.count_endpoint(&endpoint.network)?,
            self.keys_in_use(&endpoint.network, endpoint.id, OPERATION)?,
        ];
        let network = &endpoint.network;
        let memory = match idempotency {
            None => None,
            Some((memory, made)) => {
                items.push(self.remember(network, memory, made, OPERATION)?);
                Some(memory)
            }
        };
        let before = match (self.transact(OPERATION, items).await?, memory) {
            (Committed::Yes, _) => return Ok(Created::Now),
            (Committed::Refused, Some(memory)) => self.made_before(network, memory).await?,
            (Committed::Refused, None) => None,
        };
        // The endpoint's own id is random, so what else can have refused it is the limit.
        Ok(before.map_or(Created::Full, Created::Before))
    }

    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn endpoint(
        &self,
        network: &NetworkId,
        id: EndpointId,
    ) -> Result<Option<Endpoint>, Error> {
        const OPERATION: &str = "reading an endpoint";
        let item = self.get(&Key::endpoint(network, id), OPERATION).await?;
        item.map(|item| read(&Reader::new(&item, OPERATION), network))
            .transpose()
    }

    /// All endpoints of a network, oldest first.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_endpoints(&self, network: &NetworkId) -> Result<Vec<Endpoint>, Error> {
        const OPERATION: &str = "listing endpoints";
        let mut endpoints = Vec::new();
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(Key::network(network).pk))
            .expression_attribute_values(":sk", s("EP#"))
            .consistent_read(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                endpoints.push(read(&Reader::new(item, OPERATION), network)?);
            }
        }
        Ok(endpoints)
    }

    /// Replaces an endpoint if its stored version is still the one before `endpoint.version`.
    /// `false` when someone else changed or deleted it first.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn update_endpoint(&self, endpoint: &Endpoint) -> Result<bool, Error> {
        self.replace_endpoint(endpoint, None).await
    }

    /// The same with an endpoint that is enabled by it: its health is forgotten with the change, so
    /// neither its next failure finds those it was disabled for, nor does a change that is refused
    /// make it look well.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn enable_endpoint(&self, endpoint: &Endpoint) -> Result<bool, Error> {
        let [pk, sk] = Key::health(&endpoint.network, endpoint.id).attributes();
        let forget = Delete::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .build()
            .map_err(|_| Error::Item {
                operation: REPLACING,
                what: "key",
            })?;
        self.replace_endpoint(endpoint, Some(forget)).await
    }

    async fn replace_endpoint(
        &self,
        endpoint: &Endpoint,
        forget: Option<Delete>,
    ) -> Result<bool, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(write(endpoint)))
            // The race: two PATCHes read the same version; only one may build on it.
            .condition_expression("version = :before")
            .expression_attribute_values(":before", n(endpoint.version.saturating_sub(1)))
            .build()
            .map_err(|_| Error::Item {
                operation: REPLACING,
                what: "item",
            })?;
        let mut items = vec![
            TransactWriteItem::builder().put(put).build(),
            self.raise_version(&endpoint.network)?,
        ];
        items.extend(forget.map(|forget| TransactWriteItem::builder().delete(forget).build()));
        Ok(self.transact(REPLACING, items).await? == Committed::Yes)
    }

    /// Disables an endpoint, whatever its version. `false` when it is disabled or deleted already.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn disable_endpoint(
        &self,
        network: &NetworkId,
        id: EndpointId,
        why: &Disabled,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "disabling an endpoint";
        let [pk, sk] = Key::endpoint(network, id).attributes();
        let update = Update::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .update_expression(
                "SET disabledFor = :reason, disabledAt = :at, updated = :at ADD version :one",
            )
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(disabledAt)")
            .expression_attribute_values(":reason", s(&why.reason))
            .expression_attribute_values(":at", n(why.at.millis()))
            .expression_attribute_values(":one", n(1))
            .build()
            .map_err(|_| Error::Item {
                operation: OPERATION,
                what: "key",
            })?;
        let items = vec![
            TransactWriteItem::builder().update(update).build(),
            self.raise_version(network)?,
        ];
        Ok(self.transact(OPERATION, items).await? == Committed::Yes)
    }

    /// Notes when the TLS certificate of an endpoint ends, and watches that end. No new version:
    /// nothing its owner set.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn note_certificate(
        &self,
        network: &NetworkId,
        id: EndpointId,
        ends: Timestamp,
    ) -> Result<(), Error> {
        // First, because what the endpoint has on record is not noted again. A watch over one that was
        // deleted meanwhile ends when it is looked at.
        self.watch_expiry(network, Dated::Endpoint(id), ends)
            .await?;
        let sent = self
            .update(&Key::endpoint(network, id))
            .update_expression("SET certificateEnds = :ends")
            // An endpoint that was deleted meanwhile must not come back as a date.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":ends", n(ends.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(Error::call("noting a certificate's end")(error)),
            },
        }
    }

    /// Deletes this version of an endpoint at `now`, and remembers for `retention` that there was
    /// one, and that its keys may be left over. `false` when someone else changed or deleted it first.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep changing the same.
    pub async fn delete_endpoint(
        &self,
        endpoint: &Endpoint,
        retention: Retention,
        now: Timestamp,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "deleting an endpoint";
        let network = &endpoint.network;
        let [pk, sk] = Key::endpoint(network, endpoint.id).attributes();
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .condition_expression("version = :version")
            .expression_attribute_values(":version", n(endpoint.version))
            .build()
            .map_err(|_| Error::Item {
                operation: OPERATION,
                what: "key",
            })?;
        let items = vec![
            TransactWriteItem::builder().delete(delete).build(),
            self.remember_deleted(endpoint, retention, now, OPERATION)?,
            self.watching_keys((network, endpoint.id), now, OPERATION)?,
            self.version_update(
                network,
                "ADD endpointsVersion :one, endpoints :less",
                |update| {
                    update.expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))
                },
            )?,
        ];
        Ok(self.transact(OPERATION, items).await? == Committed::Yes)
    }

    pub(crate) fn put_new(
        &self,
        item: Item,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build();
        let put = put.map_err(|_| Error::Item {
            operation,
            what: "item",
        })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn raise_version(&self, network: &NetworkId) -> Result<TransactWriteItem, Error> {
        self.version_update(network, "ADD endpointsVersion :one", |update| update)
    }

    /// One more endpoint, unless there are as many as there may be.
    fn count_endpoint(&self, network: &NetworkId) -> Result<TransactWriteItem, Error> {
        self.version_update(
            network,
            "ADD endpointsVersion :one, endpoints :one",
            |update| {
                update
                    .condition_expression("attribute_not_exists(endpoints) OR endpoints < :most")
                    .expression_attribute_values(":most", n(MAX_ENDPOINTS))
            },
        )
    }

    fn version_update(
        &self,
        network: &NetworkId,
        expression: &str,
        more: impl FnOnce(UpdateBuilder) -> UpdateBuilder,
    ) -> Result<TransactWriteItem, Error> {
        let [pk, sk] = Key::network(network).attributes();
        let update = Update::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .update_expression(expression)
            .expression_attribute_values(":one", n(1));
        let update = more(update).build().map_err(|_| Error::Item {
            operation: "raising the endpoint version",
            what: "key",
        })?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(crate) async fn get(
        &self,
        key: &Key,
        operation: &'static str,
    ) -> Result<Option<Item>, Error> {
        let [pk, sk] = key.attributes();
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .consistent_read(true);
        Ok(call.send().await.map_err(Error::call(operation))?.item)
    }
}

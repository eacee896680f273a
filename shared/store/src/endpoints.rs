use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use domain::endpoint::{Endpoint, SecretRef};
use domain::event_type::Pattern;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::transaction::Committed;
use crate::{Error, Store};

/// Remembers which create request made which endpoint.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Hash of the caller's `Idempotency-Key`.
    pub key_hash: String,
    /// Hash of the request, to tell a retry from a different request under the same key.
    pub request_hash: String,
    /// A memory that ends at this moment or before it counts as gone.
    pub now: Timestamp,
    /// When this memory ends.
    pub until: Timestamp,
}

/// Whether a create request made its endpoint, or one before it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Made by this call.
    Now,
    /// The same `Idempotency-Key` made this endpoint before, for a request with this hash.
    Before {
        /// The one made then.
        endpoint: EndpointId,
        /// Hash of the request that made it; another than the caller's means another request.
        request_hash: String,
    },
}

impl Store {
    /// Stores a new endpoint and raises the network's endpoint version, together or not at all.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn create_endpoint(
        &self,
        endpoint: &Endpoint,
        idempotency: Option<&Idempotency>,
    ) -> Result<Created, Error> {
        const OPERATION: &str = "creating an endpoint";
        let mut items = vec![
            self.put_new(write(endpoint), OPERATION)?,
            self.raise_version(&endpoint.network)?,
        ];
        if let Some(memory) = idempotency {
            // Its condition decides the race between two requests with the same key.
            items.push(self.remember(memory, endpoint, OPERATION)?);
        }
        let network = &endpoint.network;
        let before = match (self.transact(OPERATION, items).await?, idempotency) {
            (Committed::Yes, _) => return Ok(Created::Now),
            (Committed::Refused, Some(memory)) => self.created_before(network, memory).await?,
            (Committed::Refused, None) => None,
        };
        // Without a key only the endpoint's own id can have been taken, and that is random.
        before.ok_or(Error::Item {
            operation: OPERATION,
            what: "a free id",
        })
    }

    /// What an `Idempotency-Key` made before.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn created_before(
        &self,
        network: &NetworkId,
        memory: &Idempotency,
    ) -> Result<Option<Created>, Error> {
        const OPERATION: &str = "looking up an idempotency key";
        let Some(item) = self
            .get(&Key::idempotency(network, &memory.key_hash), OPERATION)
            .await?
        else {
            return Ok(None);
        };
        let item = Reader::new(&item, OPERATION);
        // DynamoDB's TTL deletes up to days late.
        if item.number("expires")? <= memory.now.seconds() {
            return Ok(None);
        }
        let endpoint = item.parsed("endpoint", EndpointId::parse)?;
        Ok(Some(Created::Before {
            endpoint,
            request_hash: item.text("request")?.to_owned(),
        }))
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
    /// When the table does not answer.
    pub async fn update_endpoint(&self, endpoint: &Endpoint) -> Result<bool, Error> {
        const OPERATION: &str = "updating an endpoint";
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(write(endpoint)))
            // The race: two PATCHes read the same version; only one may build on it.
            .condition_expression("version = :before")
            .expression_attribute_values(":before", n(endpoint.version.saturating_sub(1)))
            .build()
            .map_err(|_| Error::Item { operation: OPERATION, what: "item" })?;
        self.change(
            TransactWriteItem::builder().put(put).build(),
            &endpoint.network,
            OPERATION,
        )
        .await
    }

    /// Deletes this version of an endpoint. `false` when someone else changed or deleted it first.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn delete_endpoint(&self, endpoint: &Endpoint) -> Result<bool, Error> {
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
        self.change(
            TransactWriteItem::builder().delete(delete).build(),
            network,
            OPERATION,
        )
        .await
    }

    /// A number that grows with every change to any endpoint of the network. Read consistently:
    /// fan-out relies on it to see every endpoint created before an event was accepted.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn endpoints_version(&self, network: &NetworkId) -> Result<u64, Error> {
        let item = self
            .get(
                &Key::network(network),
                "reading a network's endpoint version",
            )
            .await?;
        Ok(item
            .and_then(|item| Reader::new(&item, "").maybe_number("endpointsVersion"))
            .unwrap_or(0))
    }

    async fn change(
        &self,
        item: TransactWriteItem,
        network: &NetworkId,
        operation: &'static str,
    ) -> Result<bool, Error> {
        let items = vec![item, self.raise_version(network)?];
        Ok(self.transact(operation, items).await? == Committed::Yes)
    }

    fn put_new(&self, item: Item, operation: &'static str) -> Result<TransactWriteItem, Error> {
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

    fn remember(
        &self,
        memory: &Idempotency,
        endpoint: &Endpoint,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let key = Key::idempotency(&endpoint.network, &memory.key_hash).attributes();
        let attributes = [
            ("endpoint", s(endpoint.id.to_string())),
            ("request", s(&memory.request_hash)),
            ("expires", n(memory.until.seconds())),
        ];
        let item = attributes.into_iter().chain(key);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(
                item.map(|(name, value)| (name.to_owned(), value)).collect(),
            ))
            .condition_expression("attribute_not_exists(pk) OR expires <= :now")
            .expression_attribute_values(":now", n(memory.now.seconds()))
            .build();
        let put = put.map_err(|_| Error::Item {
            operation,
            what: "item",
        })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn raise_version(&self, network: &NetworkId) -> Result<TransactWriteItem, Error> {
        let [pk, sk] = Key::network(network).attributes();
        let update = Update::builder()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .update_expression("ADD endpointsVersion :one")
            .expression_attribute_values(":one", n(1))
            .build();
        let update = update.map_err(|_| Error::Item {
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

fn write(endpoint: &Endpoint) -> Item {
    let patterns = endpoint
        .event_types
        .iter()
        .map(|pattern| s(pattern.to_string()))
        .collect();
    let mut item: HashMap<_, _> = [
        ("url", s(&endpoint.url)),
        (
            "eventTypes",
            aws_sdk_dynamodb::types::AttributeValue::L(patterns),
        ),
        (
            "enabled",
            aws_sdk_dynamodb::types::AttributeValue::Bool(endpoint.enabled),
        ),
        ("ring", n(endpoint.secret.ring)),
        ("generation", n(endpoint.secret.generation)),
        ("version", n(endpoint.version)),
        ("created", n(endpoint.created.millis())),
        ("updated", n(endpoint.updated.millis())),
    ]
    .into_iter()
    .chain(Key::endpoint(&endpoint.network, endpoint.id).attributes())
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(description) = &endpoint.description {
        item.insert("description".to_owned(), s(description));
    }
    item
}

fn read(item: &Reader<'_>, network: &NetworkId) -> Result<Endpoint, Error> {
    let patterns = item
        .item
        .get("eventTypes")
        .and_then(|value| value.as_l().ok())
        .ok_or_else(|| item.bad("eventTypes"))?;
    let patterns = patterns
        .iter()
        .map(|value| Pattern::parse(value.as_s().ok()?))
        .collect::<Option<_>>();
    Ok(Endpoint {
        id: item.parsed("sk", |sk| EndpointId::parse(sk.strip_prefix("EP#")?))?,
        network: network.clone(),
        url: item.text("url")?.to_owned(),
        description: item.maybe_text("description").map(str::to_owned),
        event_types: patterns.ok_or_else(|| item.bad("eventTypes"))?,
        enabled: item.flag("enabled")?,
        secret: SecretRef {
            ring: item.small("ring")?,
            generation: item.number("generation")?,
        },
        version: item.number("version")?,
        created: item.time("created")?,
        updated: item.time("updated")?,
    })
}

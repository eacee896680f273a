use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::api_key::{Access, Grant, Key, KeyHash};
use domain::base32;
use domain::id::NetworkId;
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::{Error, Store, key};

/// The item that records `grant` for `key`. Public so that an operator's tool can print it.
#[must_use]
pub fn api_key_item(api_key: &Key, grant: &Grant) -> HashMap<String, AttributeValue> {
    let mut item: Item = [
        ("access", s(grant.access.to_text())),
        // Text, not binary: operators write this item with the AWS CLI, whose versions disagree
        // on how binary values are given.
        ("hash", s(base32::encode(grant.hash.bytes()))),
    ]
    .into_iter()
    .chain(key::Key::api_key(api_key.id()).attributes())
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(network) = &grant.network {
        item.insert("network".to_owned(), s(network.as_str()));
    }
    if let Some(at) = grant.expires {
        item.insert("expiresAt".to_owned(), n(at.millis()));
    }
    item
}

impl Store {
    /// Records a key; an existing record of the same id is replaced.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn put_api_key(&self, key: &Key, grant: &Grant) -> Result<(), Error> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(api_key_item(key, grant)))
            .send()
            .await
            .map_err(Error::call("recording an API key"))?;
        Ok(())
    }

    /// The record of the key named `id`.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn grant(&self, id: &str) -> Result<Option<Grant>, Error> {
        const OPERATION: &str = "looking up an API key";
        let [pk, sk] = key::Key::api_key(id).attributes();
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            // A key must work the moment it is made: a refusal would be cached for a minute.
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        found
            .item()
            .map(|item| read(&Reader::new(item, OPERATION)))
            .transpose()
    }
}

fn read(item: &Reader<'_>) -> Result<Grant, Error> {
    Ok(Grant {
        network: match item.maybe_text("network") {
            Some(_) => Some(item.parsed("network", NetworkId::parse)?),
            None => None,
        },
        access: item.parsed("access", Access::parse)?,
        hash: item.parsed("hash", |text| base32::decode(text).map(KeyHash::from_bytes))?,
        expires: item.maybe_number("expiresAt").map(Timestamp::from_millis),
    })
}

//! Many items by their keys, in few calls.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::item::Item;
use crate::key::Key;
use crate::{Error, Store};

/// DynamoDB: at most 100 keys per batch read.
pub const MAX_BATCH: usize = 100;

/// Batch reads at the same time.
const IN_FLIGHT: usize = 32;

/// A batch read that DynamoDB answers in part is asked for the rest this often.
const MAX_ASKS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The attributes that are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    All,
    /// The key and these.
    Only(&'static [&'static str]),
}

impl Wanted {
    fn of(self, keys: Vec<HashMap<String, AttributeValue>>) -> Option<KeysAndAttributes> {
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            // What was written before is there.
            .consistent_read(true);
        let request = match self {
            Self::All => request,
            Self::Only(names) => {
                // By numbers, because some names are words of DynamoDB's own.
                let numbered = ["pk", "sk"].iter().chain(names).zip(0_u8..);
                let mut expression = Vec::new();
                let mut request = request;
                for (name, number) in numbered {
                    expression.push(format!("#{number}"));
                    request = request.expression_attribute_names(format!("#{number}"), *name);
                }
                request.projection_expression(expression.join(", "))
            }
        };
        request.build().ok()
    }
}

impl Store {
    /// The items that there are of `keys`, in any order. No key may come twice.
    ///
    /// # Errors
    /// When the table does not answer, or answers only in part again and again.
    pub(crate) async fn batch_get(
        &self,
        keys: impl IntoIterator<Item = Key>,
        wanted: Wanted,
        operation: &'static str,
    ) -> Result<Vec<Item>, Error> {
        let keys: Vec<HashMap<_, _>> = keys
            .into_iter()
            .map(|key| {
                key.attributes()
                    .map(|(name, value)| (name.to_owned(), value))
                    .into()
            })
            .collect();
        let batches: Vec<_> = keys
            .chunks(MAX_BATCH)
            .map(|keys| self.one_batch(keys.to_vec(), wanted, operation))
            .collect();
        let mut read = stream::iter(batches).buffer_unordered(IN_FLIGHT);
        let mut found = Vec::new();
        while let Some(items) = read.try_next().await? {
            found.extend(items);
        }
        Ok(found)
    }

    async fn one_batch(
        &self,
        keys: Vec<HashMap<String, AttributeValue>>,
        wanted: Wanted,
        operation: &'static str,
    ) -> Result<Vec<Item>, Error> {
        let mut left = Some(keys);
        let mut found = Vec::new();
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_ASKS {
            let Some(keys) = left.take().filter(|keys| !keys.is_empty()) else {
                return Ok(found);
            };
            let request = wanted.of(keys).ok_or(Error::Item {
                operation,
                what: "key",
            })?;
            let call = self
                .client
                .batch_get_item()
                .request_items(&self.table, request);
            let answer = call.send().await.map_err(Error::call(operation))?;
            let unread = answer
                .unprocessed_keys()
                .and_then(|tables| tables.get(&self.table));
            left = unread.map(|unread| unread.keys().to_vec());
            let items = answer
                .responses
                .and_then(|mut tables| tables.remove(&self.table));
            found.extend(items.into_iter().flatten());
            if left.is_some() {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
        }
        if left.is_none_or(|keys| keys.is_empty()) {
            return Ok(found);
        }
        Err(Error::Item {
            operation,
            what: "the rest of a batch",
        })
    }
}

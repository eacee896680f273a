use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::id::NetworkId;
use domain::idempotency::Idempotency;

use crate::item::{Reader, n, s};
use crate::key::Key;
use crate::transaction::Committed;
use crate::{Error, Store};

/// What an `Idempotency-Key` made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Id of what was made then. It is of the kind that is asked for only if the request is the same.
    pub made: String,
    /// Hash of the request that made it; another than the caller's means another request.
    pub request_hash: String,
}

impl Store {
    /// What this key made before; `None` when it made nothing, or its memory is over.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn made_before(
        &self,
        network: &NetworkId,
        memory: &Idempotency,
    ) -> Result<Option<Before>, Error> {
        const OPERATION: &str = "looking up an idempotency key";
        let key = Key::idempotency(network, &memory.key_hash);
        let Some(item) = self.get(&key, OPERATION).await? else {
            return Ok(None);
        };
        let item = Reader::new(&item, OPERATION);
        // DynamoDB's TTL deletes up to days late.
        if item.number("expires")? <= memory.now.seconds() {
            return Ok(None);
        }
        Ok(Some(Before {
            made: item.text("made")?.to_owned(),
            request_hash: item.text("request")?.to_owned(),
        }))
    }

    /// Remembers what is about to be made, unless this key made something before, which is given
    /// then: of two requests with one key the same is made.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable; [`Error::Contended`] when others
    /// keep being at the same key.
    pub async fn will_make(
        &self,
        network: &NetworkId,
        memory: &Idempotency,
        made: String,
    ) -> Result<Option<Before>, Error> {
        const OPERATION: &str = "remembering an idempotency key";
        let remember = self.remember(network, memory, made, OPERATION)?;
        match self.transact(OPERATION, vec![remember]).await? {
            Committed::Yes => Ok(None),
            Committed::Refused => self.made_before(network, memory).await,
        }
    }

    /// Forgets what this key made: nothing came of it.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn forget_made(
        &self,
        network: &NetworkId,
        memory: &Idempotency,
    ) -> Result<(), Error> {
        let key = Key::idempotency(network, &memory.key_hash);
        self.forget(key, "forgetting an idempotency key").await
    }

    /// The part of a transaction that remembers. Its condition decides the race between two requests
    /// with the same key.
    pub(crate) fn remember(
        &self,
        network: &NetworkId,
        memory: &Idempotency,
        made: String,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let attributes = [
            ("made", s(made)),
            ("request", s(&memory.request_hash)),
            ("expires", n(memory.until.seconds())),
        ];
        let key = Key::idempotency(network, &memory.key_hash).attributes();
        let item = attributes.into_iter().chain(key);
        let item = item.map(|(name, value)| (name.to_owned(), value)).collect();
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR expires <= :now")
            .expression_attribute_values(":now", n(memory.now.seconds()))
            .build();
        let put = put.map_err(|_| Error::Item {
            operation,
            what: "item",
        })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

//! What has an end that its owner is to be warned of: push credentials, and the certificates of
//! webhook receivers. Each has a watch of its own in the due index, so the daily sweep reads no
//! more than is watched, and a change of its subject leaves the watch alone.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use domain::credential::next_warning;
use domain::id::{CredentialId, EndpointId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Item, Reader, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// The shard of the due index that holds watches; deliveries are in others.
const SHARD: &str = "expiry";

/// What has an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dated {
    /// A push credential.
    Credential(CredentialId),
    /// The TLS certificate of an endpoint's receiver.
    Endpoint(EndpointId),
}

impl Dated {
    pub(crate) fn sort_key(self) -> String {
        match self {
            Self::Credential(id) => format!("CRED#{id}"),
            Self::Endpoint(id) => format!("EP#{id}"),
        }
    }

    fn parse(sk: &str) -> Option<Self> {
        match sk.split_once('#')? {
            ("CRED", id) => CredentialId::parse(id).map(Self::Credential),
            ("EP", id) => EndpointId::parse(id).map(Self::Endpoint),
            _ => None,
        }
    }
}

/// An end that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Whose it is.
    pub network: NetworkId,
    /// What ends.
    pub subject: Dated,
    /// When.
    pub ends: Timestamp,
    /// When the sweep must look at it.
    pub due: Timestamp,
}

impl Store {
    /// Watches the end of something. Warnings begin anew, because a new end is a new certificate.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn watch_expiry(
        &self,
        network: &NetworkId,
        subject: Dated,
        ends: Timestamp,
    ) -> Result<(), Error> {
        let due = next_warning(ends, None).unwrap_or(ends);
        let attributes = [
            ("dueShard", s(SHARD)),
            ("dueAt", n(due.millis())),
            // By this name the index has it.
            ("nextAt", n(ends.millis())),
        ];
        let item: Item = attributes
            .into_iter()
            .chain(Key::expiry(network, subject).attributes())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let call = self.client.put_item().table_name(&self.table);
        call.set_item(Some(item))
            .send()
            .await
            .map_err(Error::call("watching an end"))?;
        Ok(())
    }

    /// Everything that is watched, in the order in which the sweep must look at it. The index lags
    /// behind the table for a moment.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn expiry_watches(&self) -> Result<Vec<Watch>, Error> {
        const OPERATION: &str = "listing what ends";
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("dueShard = :shard")
            .expression_attribute_values(":shard", s(SHARD))
            .into_paginator()
            .send();
        let mut watches = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                let reader = Reader::new(item, OPERATION);
                watches.push(Watch {
                    network: reader.parsed("pk", |pk| NetworkId::parse(pk.strip_prefix("X#")?))?,
                    subject: reader.parsed("sk", Dated::parse)?,
                    ends: reader.time("nextAt")?,
                    due: reader.time("dueAt")?,
                });
            }
        }
        Ok(watches)
    }

    /// The lowest threshold that was warned of; `None` for none. Nothing at all when the watch is
    /// gone or its end has changed.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn expiry_warned(&self, watch: &Watch) -> Result<Option<Option<u16>>, Error> {
        const OPERATION: &str = "reading a watch";
        let key = Key::expiry(&watch.network, watch.subject);
        let Some(item) = self.get(&key, OPERATION).await? else {
            return Ok(None);
        };
        let reader = Reader::new(&item, OPERATION);
        if reader.time("nextAt")? != watch.ends {
            return Ok(None);
        }
        let warned = reader.maybe_number("warned");
        Ok(Some(warned.and_then(|days| u16::try_from(days).ok())))
    }

    /// Notes that `days` was warned of. After the last threshold nothing is left to look at, and
    /// the watch leaves the index.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn note_expiry_warning(&self, watch: &Watch, days: u16) -> Result<(), Error> {
        let update = self
            .update(&Key::expiry(&watch.network, watch.subject))
            // The race: a new certificate is seen while the old one is warned of.
            .condition_expression("nextAt = :ends")
            .expression_attribute_values(":ends", n(watch.ends.millis()))
            .expression_attribute_values(":days", n(days));
        let update = match next_warning(watch.ends, Some(days)) {
            Some(due) => update
                .update_expression("SET warned = :days, dueAt = :due")
                .expression_attribute_values(":due", n(due.millis())),
            None => update.update_expression("SET warned = :days REMOVE dueShard, dueAt"),
        };
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(Error::call("noting a warning")(error)),
            },
        }
    }

    /// Stops watching: the subject is gone.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn forget_expiry(&self, network: &NetworkId, subject: Dated) -> Result<(), Error> {
        let watch = Key::expiry(network, subject);
        self.forget(watch, "forgetting a watch").await
    }
}

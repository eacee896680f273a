//! Every endpoint that deliveries were made for, also those that are deleted by now.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::endpoint::Endpoint;
use domain::id::{EndpointId, NetworkId};
use domain::network::Retention;
use domain::time::Timestamp;

use crate::item::{Reader, expires_at, s};
use crate::key::Key;
use crate::{Error, Store};

/// Whom deliveries are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// The endpoint's id.
    pub id: EndpointId,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// As sort keys begin, and whether that means deleted.
const KINDS: [(&str, bool); 2] = [("EP#", false), ("GONE#", true)];

impl Store {
    /// The endpoints of a network from `from` on, oldest first, at most `limit`; deleted ones too, as
    /// long as deliveries of theirs may be kept.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_addressees(
        &self,
        network: &NetworkId,
        from: Option<EndpointId>,
        limit: usize,
    ) -> Result<Vec<Addressee>, Error> {
        let [live, gone] = KINDS.map(|kind| self.addressees_of(kind, network, from, limit));
        let (live, gone) = futures::try_join!(live, gone)?;
        let mut all: Vec<_> = live.into_iter().chain(gone).collect();
        all.sort_unstable();
        // One that was deleted between the two reads.
        all.dedup_by_key(|addressee| addressee.id);
        all.truncate(limit);
        Ok(all)
    }

    async fn addressees_of(
        &self,
        (kind, deleted): (&'static str, bool),
        network: &NetworkId,
        from: Option<EndpointId>,
        limit: usize,
    ) -> Result<Vec<Addressee>, Error> {
        const OPERATION: &str = "listing all endpoints there were";
        let first = from.map_or_else(|| kind.to_owned(), |id| format!("{kind}{id}"));
        let mut pages = self
            .query_after(&Key::network(network).pk, None)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":first", s(first))
            .expression_attribute_values(":last", s(format!("{kind}~")))
            .projection_expression("sk")
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(page) = pages.next().await
        {
            for item in page.map_err(Error::call(OPERATION))?.items() {
                let id = |text: &str| EndpointId::parse(text.strip_prefix(kind)?);
                let id = Reader::new(item, OPERATION).parsed("sk", id)?;
                found.push(Addressee { id, deleted });
            }
        }
        Ok(found)
    }

    /// Remembers, with the deletion of an endpoint at `now`, that there was one.
    pub(crate) fn remember_deleted(
        &self,
        endpoint: &Endpoint,
        retention: Retention,
        now: Timestamp,
        operation: &'static str,
    ) -> Result<TransactWriteItem, Error> {
        let item = Key::deleted_endpoint(&endpoint.network, endpoint.id)
            .attributes()
            .into_iter()
            .chain([("expires", expires_at(now.after(retention.duration())))])
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.put_new(item, operation)
    }
}

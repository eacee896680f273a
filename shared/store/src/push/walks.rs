use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::id::{EventId, NetworkId};
use domain::push::device::UserId;
use domain::time::Timestamp;

use crate::item::{Item, Reader, expires, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// How far the walk of one partition has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Which partition.
    pub shard: u8,
    /// How many pages are done.
    pub pages: u32,
    /// After whom the next page starts; `None` when the walk is over.
    pub next: Option<UserId>,
    /// People met.
    pub users: u64,
    /// Pushes owed to devices.
    pub owed: u64,
    /// Pushes that a gate stopped, for a person or a device.
    pub gated: u64,
    /// When its last page was done.
    pub at: Timestamp,
}

impl Walk {
    /// After whom the page behind `page` starts; `None` also when that one is done too.
    #[must_use]
    pub fn after(&self, page: u32) -> Option<UserId> {
        let is_last_done = self.pages == page.saturating_add(1);
        self.next.clone().filter(|_| is_last_done)
    }
}

/// What one page came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkPage {
    /// Which page of its partition, from 0.
    pub page: u32,
    /// After whom the next page starts; `None` after the last.
    pub next: Option<UserId>,
    /// People met on it.
    pub users: u64,
    /// Pushes owed to devices.
    pub owed: u64,
    /// Pushes that a gate stopped.
    pub gated: u64,
    /// When it was done.
    pub at: Timestamp,
}

/// Whether a page was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkStep {
    /// By this call.
    Counted,
    /// It was before; this is how far the walk has come.
    Before(Walk),
}

impl Store {
    /// Counts a page of a walk once, however often its message is received.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn count_page(
        &self,
        network: &NetworkId,
        event: &EventId,
        accepted: Timestamp,
        shard: u8,
        page: &WalkPage,
    ) -> Result<WalkStep, Error> {
        const OPERATION: &str = "counting a page of a walk";
        let condition = match page.page {
            0 => "attribute_not_exists(pages)",
            _ => "pages = :before",
        };
        let mut call = self
            .update(&Key::walk(network, event, shard))
            .condition_expression(condition)
            .expression_attribute_names("#at", "at")
            // A reserved word of DynamoDB.
            .expression_attribute_names("#users", "users")
            .expression_attribute_values(":pages", n(page.page.saturating_add(1)))
            .expression_attribute_values(":users", n(page.users))
            .expression_attribute_values(":owed", n(page.owed))
            .expression_attribute_values(":gated", n(page.gated))
            .expression_attribute_values(":at", n(page.at.millis()))
            .expression_attribute_values(":expires", expires(accepted));
        if page.page > 0 {
            call = call.expression_attribute_values(":before", n(page.page));
        }
        let set = "SET pages = :pages, #at = :at, expires = :expires";
        let add = "ADD #users :users, owed :owed, gated :gated";
        call = match &page.next {
            Some(next) => call
                .update_expression(format!("{set}, nextUser = :next {add}"))
                .expression_attribute_values(":next", s(next.as_str())),
            None => call.update_expression(format!("{set} REMOVE nextUser {add}")),
        };
        let sent = call
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = sent else {
            return Ok(WalkStep::Counted);
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let item = failed.item().ok_or(Error::Item {
                    operation: OPERATION,
                    what: "item",
                })?;
                Ok(WalkStep::Before(read(item, shard, OPERATION)?))
            }
            _ => Err(Error::call(OPERATION)(error)),
        }
    }

    /// How far the walk of one partition has come; `None` before its first page is done.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn walk(
        &self,
        network: &NetworkId,
        event: &EventId,
        shard: u8,
    ) -> Result<Option<Walk>, Error> {
        const OPERATION: &str = "reading a walk";
        let item = self
            .get(&Key::walk(network, event, shard), OPERATION)
            .await?;
        item.map(|item| read(&item, shard, OPERATION)).transpose()
    }

    /// How far the walks of an event's push have come; a partition not yet begun is not there.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn walks(&self, network: &NetworkId, event: &EventId) -> Result<Vec<Walk>, Error> {
        const OPERATION: &str = "reading walks";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(Key::push(network, event).pk))
            .expression_attribute_values(":sk", s("W#"))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let walks = answer.items().iter().map(|item| {
            let reader = Reader::new(item, OPERATION);
            let shard = reader.parsed("sk", |sk| sk.strip_prefix("W#")?.parse().ok())?;
            read(item, shard, OPERATION)
        });
        walks.collect()
    }
}

fn read(item: &Item, shard: u8, operation: &'static str) -> Result<Walk, Error> {
    let reader = Reader::new(item, operation);
    let next = item.get("nextUser").map(|value: &AttributeValue| {
        let user = value.as_s().ok().and_then(|text| UserId::parse(text));
        user.ok_or_else(|| reader.bad("nextUser"))
    });
    Ok(Walk {
        shard,
        pages: reader.small("pages")?,
        next: next.transpose()?,
        users: reader.number("users")?,
        owed: reader.number("owed")?,
        gated: reader.number("gated")?,
        at: reader.time("at")?,
    })
}

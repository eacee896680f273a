//! Time to live: removes expired items by the clock this crate was opened with.
//!
//! The engine has a sweep of its own, but in file mode it reads the system's clock.
//! This one goes page by page, so that other calls wait for a page and not for a table,
//! and deletes with a condition, so that an item renewed in between stays.

use std::collections::HashMap;

use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::list_tables::ListTablesRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{AttributeValue, Database, DynoxideError, Item};

use super::DynamoDb;

const PAGE: usize = 100;
/// DynamoDB leaves items alone that expired more than five years ago: a wrong unit, not an old item.
const OLDEST_SECONDS: u64 = 5 * 365 * 86_400;
const EXPIRED: &str = "attribute_type(#ttl, :number) AND #ttl <= :now AND #ttl > :oldest";

/// A sweep that stopped half way; what it deleted stays deleted.
#[derive(Debug, thiserror::Error)]
#[error("delete expired items")]
pub struct SweepError(#[from] DynoxideError);

/// A table with time to live switched on.
#[derive(Clone)]
struct Swept {
    table: String,
    attribute: String,
    keys: Vec<String>,
    now_seconds: u64,
}

impl DynamoDb {
    /// Deletes every expired item and returns how many there were. AWS charges nothing for this.
    pub(crate) async fn sweep_ttl(&self) -> Result<usize, SweepError> {
        let now_seconds = (self.clock)() / 1_000;
        let tables = self
            .engine
            .run(move |database| swept_tables(database, now_seconds))
            .await?;
        let mut deleted = 0;
        for swept in tables {
            let mut start = None;
            loop {
                let table = swept.clone();
                let (page_deleted, next) = self
                    .engine
                    .run(move |database| table.sweep_page(database, start))
                    .await?;
                deleted += page_deleted;
                match next {
                    Some(_) => start = next,
                    None => break,
                }
            }
        }
        Ok(deleted)
    }
}

fn swept_tables(database: &Database, now_seconds: u64) -> dynoxide::Result<Vec<Swept>> {
    let mut swept = Vec::new();
    let mut after = None;
    loop {
        let request = ListTablesRequest {
            exclusive_start_table_name: after,
            limit: None,
        };
        let page = database.list_tables(request)?;
        for table in page.table_names {
            let Some(metadata) = database.get_table_metadata(&table)? else {
                continue;
            };
            let Some(attribute) = metadata.ttl_attribute.filter(|_| metadata.ttl_enabled) else {
                continue;
            };
            let keys = key_names(&metadata.key_schema);
            swept.push(Swept {
                table,
                attribute,
                keys,
                now_seconds,
            });
        }
        after = page.last_evaluated_table_name;
        if after.is_none() {
            return Ok(swept);
        }
    }
}

fn key_names(key_schema: &str) -> Vec<String> {
    let schema: serde_json::Value = serde_json::from_str(key_schema).unwrap_or_default();
    let names = schema
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key.get("AttributeName")?.as_str());
    names.map(str::to_owned).collect()
}

impl Swept {
    fn sweep_page(
        &self,
        database: &Database,
        start: Option<Item>,
    ) -> dynoxide::Result<(usize, Option<Item>)> {
        let page = database.scan(ScanRequest {
            table_name: self.table.clone(),
            filter_expression: Some(EXPIRED.to_owned()),
            expression_attribute_names: Some(self.names()),
            expression_attribute_values: Some(self.values()),
            exclusive_start_key: start,
            limit: Some(PAGE),
            ..ScanRequest::default()
        })?;
        let mut deleted = 0;
        for item in page.items.unwrap_or_default() {
            deleted += usize::from(self.delete(database, item)?);
        }
        Ok((deleted, page.last_evaluated_key))
    }

    fn delete(&self, database: &Database, item: Item) -> dynoxide::Result<bool> {
        let key = item
            .into_iter()
            .filter(|(name, _)| self.keys.contains(name))
            .collect();
        let outcome = database.delete_item(DeleteItemRequest {
            table_name: self.table.clone(),
            key,
            condition_expression: Some(EXPIRED.to_owned()),
            expression_attribute_names: Some(self.names()),
            expression_attribute_values: Some(self.values()),
            ..DeleteItemRequest::default()
        });
        match outcome {
            Ok(_) => Ok(true),
            Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn names(&self) -> HashMap<String, String> {
        HashMap::from([("#ttl".to_owned(), self.attribute.clone())])
    }

    fn values(&self) -> Item {
        let number = |seconds: u64| AttributeValue::N(seconds.to_string());
        HashMap::from([
            (":number".to_owned(), AttributeValue::S("N".to_owned())),
            (":now".to_owned(), number(self.now_seconds)),
            (
                ":oldest".to_owned(),
                number(self.now_seconds.saturating_sub(OLDEST_SECONDS)),
            ),
        ])
    }
}

//! The rows of the queues, and how a change of memory becomes a change of rows.
//!
//! A message's body is written once; what changes with each receive lives in a
//! second, narrow table, so that a receive rewrites bytes and not megabytes.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::attributes::QueueAttributes;
use super::held::{Held, Receives, State};
use super::message::{Content, MessageAttributes, md5_of};
use crate::directory::OpenError;
use crate::journal::Change;

pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queues (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, attributes TEXT NOT NULL,
        created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, source TEXT, earlier_receives INTEGER NOT NULL,
        visible_ms INTEGER NOT NULL, sent_ms INTEGER NOT NULL, message_id TEXT NOT NULL,
        details TEXT, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS receives (
        message INTEGER PRIMARY KEY, count INTEGER NOT NULL, first_ms INTEGER NOT NULL,
        visible_ms INTEGER NOT NULL);";

/// One change of one row, in the order it happened in memory.
#[derive(Debug)]
pub(crate) enum QueueChange {
    PutQueue {
        id: i64,
        name: String,
        attributes: QueueAttributes,
        created_ms: u64,
        modified_ms: u64,
    },
    DropQueue {
        id: i64,
    },
    Purge {
        queue: i64,
    },
    Send {
        queue: i64,
        content: Arc<Content>,
        visible_ms: u64,
    },
    Receive {
        message: u64,
        count: u32,
        first_ms: u64,
        visible_ms: u64,
    },
    SetVisible {
        message: u64,
        visible_ms: u64,
    },
    MoveTo {
        queue: i64,
        message: u64,
        source: Arc<str>,
        earlier_receives: u32,
    },
    Delete {
        message: u64,
    },
}

/// The parts of a message most messages do not have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(default, skip_serializing_if = "MessageAttributes::is_empty")]
    attributes: MessageAttributes,
}

impl Change for QueueChange {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::PutQueue { id, name, attributes, created_ms, modified_ms } => {
                let sql = "INSERT OR REPLACE INTO queues (id, name, attributes, created_ms, modified_ms) VALUES (?, ?, ?, ?, ?)";
                let row = params![id, name, json(attributes)?, created_ms, modified_ms];
                connection.prepare_cached(sql)?.execute(row)
            }
            Self::DropQueue { id } => connection.prepare_cached("DELETE FROM queues WHERE id = ?")?.execute([id]),
            Self::Purge { queue } => {
                connection.execute("DELETE FROM receives WHERE message IN (SELECT id FROM messages WHERE queue = ?)", [queue])?;
                connection.execute("DELETE FROM messages WHERE queue = ?", [queue])
            }
            Self::Send { queue, content, visible_ms } => insert(connection, *queue, content, *visible_ms),
            Self::Receive { message, count, first_ms, visible_ms } => {
                let sql = "INSERT OR REPLACE INTO receives (message, count, first_ms, visible_ms) VALUES (?, ?, ?, ?)";
                connection.prepare_cached(sql)?.execute(params![message, count, first_ms, visible_ms])
            }
            Self::SetVisible { message, visible_ms } => connection
                .prepare_cached("UPDATE receives SET visible_ms = ? WHERE message = ?")?
                .execute(params![visible_ms, message]),
            Self::MoveTo { queue, message, source, earlier_receives } => connection
                .prepare_cached("UPDATE messages SET queue = ?, source = ?, earlier_receives = ? WHERE id = ?")?
                .execute(params![queue, source, earlier_receives, message]),
            Self::Delete { message } => {
                connection.prepare_cached("DELETE FROM receives WHERE message = ?")?.execute([message])?;
                connection.prepare_cached("DELETE FROM messages WHERE id = ?")?.execute([message])
            }
        }
        .map(drop)
    }
}

fn insert(
    connection: &Connection,
    queue: i64,
    content: &Content,
    visible_ms: u64,
) -> rusqlite::Result<usize> {
    let details = Details {
        group: content.group.as_deref().map(str::to_owned),
        trace: content.trace.clone(),
        attributes: content.attributes.clone(),
    };
    let details = if details == Details::default() {
        None
    } else {
        Some(json(&details)?)
    };
    let sql = "INSERT OR REPLACE INTO messages \
        (id, queue, earlier_receives, visible_ms, sent_ms, message_id, details, body) \
        VALUES (?, ?, 0, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        content.id,
        queue,
        visible_ms,
        content.sent_ms,
        content.message_id,
        details,
        content.body
    ])
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A queue as it was stored.
pub(crate) struct StoredQueue {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) attributes: QueueAttributes,
    pub(crate) created_ms: u64,
    pub(crate) modified_ms: u64,
}

pub(crate) fn load_queues(
    path: &Path,
    connection: &Connection,
) -> Result<Vec<StoredQueue>, OpenError> {
    let sql = "SELECT id, name, attributes, created_ms, modified_ms FROM queues ORDER BY id";
    let read = |row: &Row<'_>| {
        let attributes: String = row.get(2)?;
        Ok(StoredQueue {
            id: row.get(0)?,
            name: row.get(1)?,
            attributes: parse(2, &attributes)?,
            created_ms: row.get(3)?,
            modified_ms: row.get(4)?,
        })
    };
    load(path, connection, sql, read)
}

/// Every stored message with the id of its queue, oldest first.
pub(crate) fn load_messages(
    path: &Path,
    connection: &Connection,
) -> Result<Vec<(i64, Held)>, OpenError> {
    let sql = "SELECT m.id, m.queue, m.source, m.earlier_receives, m.visible_ms, m.sent_ms, m.message_id, \
        m.details, m.body, r.count, r.first_ms, r.visible_ms \
        FROM messages m LEFT JOIN receives r ON r.message = m.id ORDER BY m.id";
    load(path, connection, sql, read_message)
}

fn read_message(row: &Row<'_>) -> rusqlite::Result<(i64, Held)> {
    let details: Option<String> = row.get(7)?;
    let details: Details =
        details.map_or_else(|| Ok(Details::default()), |text| parse(7, &text))?;
    let body: String = row.get(8)?;
    let content = Content {
        id: row.get(0)?,
        message_id: row.get(6)?,
        body_md5: md5_of(body.as_bytes()),
        body,
        attributes: details.attributes,
        group: details.group.map(Arc::from),
        trace: details.trace,
        sent_ms: row.get(5)?,
    };
    let count: Option<u32> = row.get(9)?;
    // What is due is decided by the clock when the queue is first asked.
    let state = match count {
        None => State::Delayed {
            until_ms: row.get(4)?,
        },
        // The start of the receive is not stored; its end is near enough for the 12-hour limit.
        Some(_) => State::InFlight {
            until_ms: row.get(11)?,
            since_ms: row.get(11)?,
        },
    };
    let source: Option<String> = row.get(2)?;
    let receives = Receives {
        count: count.unwrap_or(0),
        earlier: row.get(3)?,
        first_ms: row.get::<_, Option<u64>>(10)?.unwrap_or(0),
    };
    Ok((
        row.get(1)?,
        Held {
            content: Arc::new(content),
            source: source.map(Arc::from),
            receives,
            state,
        },
    ))
}

fn parse<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}

fn load<T>(
    path: &Path,
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, OpenError> {
    let rows =
        || -> rusqlite::Result<Vec<T>> { connection.prepare(sql)?.query_map([], read)?.collect() };
    rows().map_err(|error| OpenError::Row {
        path: path.to_path_buf(),
        problem: error.to_string(),
    })
}

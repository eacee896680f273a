//! One row per secret, with all its versions: secrets change rarely.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::secret::Secret;
use crate::directory::{DataDirectory, OpenError};
use crate::journal::{Change, Journal};

const FILE: &str = "secrets.db";
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, secret TEXT NOT NULL) WITHOUT ROWID;";

#[derive(Debug)]
pub(super) enum SecretChange {
    Put(Box<Secret>),
    Drop(String),
}

impl Change for SecretChange {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Put(secret) => {
                let row = serde_json::to_string(secret)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let sql = "INSERT OR REPLACE INTO secrets (name, secret) VALUES (?, ?)";
                connection
                    .prepare_cached(sql)?
                    .execute(params![secret.name, row])
            }
            Self::Drop(name) => connection
                .prepare_cached("DELETE FROM secrets WHERE name = ?")?
                .execute([name]),
        }
        .map(drop)
    }
}

pub(super) type Secrets = BTreeMap<String, Secret>;

pub(super) fn open(
    directory: &DataDirectory,
) -> Result<(Secrets, Journal<SecretChange>), OpenError> {
    let (path, connection) = directory.database(FILE, SCHEMA)?;
    let read = |row: &Row<'_>| {
        let name: String = row.get(0)?;
        let secret: String = row.get(1)?;
        let secret = serde_json::from_str(&secret).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
        })?;
        Ok((name, secret))
    };
    let load = || -> rusqlite::Result<Secrets> {
        connection
            .prepare("SELECT name, secret FROM secrets")?
            .query_map([], read)?
            .collect()
    };
    let secrets = load().map_err(|error| OpenError::Row {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    Ok((secrets, Journal::start("secrets-writer", connection)?))
}

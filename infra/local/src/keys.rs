//! The API keys of the local system, three of its network and the operator's, made on the first start and kept in the data directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_local::Location;
use domain::api_key::{Access, Grant, Key, Role, Scope};
use domain::id::NetworkId;
use runtime::Random;
use serde::{Deserialize, Serialize};

/// The one network of the local system.
pub(crate) const NETWORK: &str = "demo";

const FILE: &str = "keys.json";
const OWNER_ONLY: u32 = 0o600;

/// Keys to the local system.
#[derive(Debug)]
pub struct Keys {
    super_admin: Key,
    producer: Key,
    device: Key,
    operator: Key,
}

/// The keys as text, in the file and in `--json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Shown {
    super_admin: String,
    producer: String,
    device: String,
    /// Files of earlier versions lack it.
    #[serde(default)]
    operator: Option<String>,
}

/// Why the keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("read the keys in {}: make it readable for this user", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand the keys in {}: delete the file to get new keys", .path.display())]
    Malformed { path: PathBuf },
    #[error("write the keys to {}: make the data directory writable for this user", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Keys {
    /// May do everything.
    #[must_use]
    pub fn super_admin(&self) -> &str {
        self.super_admin.expose()
    }

    /// May report events.
    #[must_use]
    pub fn producer(&self) -> &str {
        self.producer.expose()
    }

    /// May register devices.
    #[must_use]
    pub fn device(&self) -> &str {
        self.device.expose()
    }

    /// May look after what belongs to no network.
    #[must_use]
    pub fn operator(&self) -> &str {
        self.operator.expose()
    }

    pub(crate) fn shown(&self) -> Shown {
        let text = |key: &Key| key.expose().to_owned();
        Shown {
            super_admin: text(&self.super_admin),
            producer: text(&self.producer),
            device: text(&self.device),
            operator: Some(text(&self.operator)),
        }
    }

    /// The keys with the records that make them good.
    pub(crate) fn grants(&self) -> impl Iterator<Item = (&Key, Grant)> {
        let keys = [
            &self.super_admin,
            &self.producer,
            &self.device,
            &self.operator,
        ];
        keys.into_iter().zip(accesses()).map(|(key, access)| {
            let of_none = access == Access::Scopes(vec![Scope::Operate]);
            let grant = Grant {
                network: NetworkId::parse(NETWORK).filter(|_| !of_none),
                access,
                hash: key.hash(),
                expires: None,
            };
            (key, grant)
        })
    }

    /// The kept keys, or new ones that are kept from now on.
    pub(crate) fn open(location: &Location, random: &Random) -> Result<Self, KeysError> {
        let Location::Directory(directory) = location else {
            return Ok(Self::generate(random));
        };
        let path = directory.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let shown = serde_json::from_str::<Shown>(&text).ok();
                let complete = shown.as_ref().is_some_and(|shown| shown.operator.is_some());
                let keys = shown.and_then(|shown| Self::of(&shown, random));
                let Some(keys) = keys else {
                    return Err(KeysError::Malformed { path });
                };
                if !complete {
                    keys.write(&path)
                        .map_err(|source| KeysError::Write { path, source })?;
                }
                Ok(keys)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let keys = Self::generate(random);
                keys.write(&path)
                    .map_err(|source| KeysError::Write { path, source })?;
                Ok(keys)
            }
            Err(source) => Err(KeysError::Read { path, source }),
        }
    }

    fn generate(random: &Random) -> Self {
        let [super_admin, producer, device, operator] =
            accesses().map(|access| Key::generate(&access, random.bytes(), random.bytes()));
        Self {
            super_admin,
            producer,
            device,
            operator,
        }
    }

    /// The keys shown, with a new one in the place of one that is not.
    fn of(shown: &Shown, random: &Random) -> Option<Self> {
        Some(Self {
            super_admin: Key::parse(&shown.super_admin)?,
            producer: Key::parse(&shown.producer)?,
            device: Key::parse(&shown.device)?,
            operator: match &shown.operator {
                Some(operator) => Key::parse(operator)?,
                None => Self::generate(random).operator,
            },
        })
    }

    /// Whole or not at all: a start that is killed here must not leave half a file.
    fn write(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(OWNER_ONLY)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(&self.shown())?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(draft, path)
    }
}

fn accesses() -> [Access; 4] {
    [
        Access::Role(Role::SuperAdmin),
        Access::Scopes(vec![Scope::EventsWrite]),
        Access::Scopes(vec![Scope::DevicesWrite]),
        Access::Scopes(vec![Scope::Operate]),
    ]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_for_the_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Directory(directory.path().to_path_buf());
        let first = Keys::open(&location, &Random::system()).unwrap();
        let second = Keys::open(&location, &Random::system()).unwrap();
        assert_eq!(first.super_admin(), second.super_admin());
        assert!(first.producer().starts_with("ff_producer_"));
        assert!(first.device().starts_with("ff_device_"));
        let path = directory.path().join(FILE);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            OWNER_ONLY
        );
        assert!(
            first
                .grants()
                .all(|(key, grant)| key.unlocks(&grant, Default::default()))
        );
        let networks = first.grants().map(|(_, grant)| grant.network);
        let networks: Vec<_> = networks.map(|network| network.is_some()).collect();
        assert_eq!(networks, [true, true, true, false]);

        // As written by a version that had no key for operators.
        let mut old = serde_json::to_value(first.shown()).unwrap();
        old.as_object_mut().unwrap().remove("operator");
        fs::write(&path, old.to_string()).unwrap();
        let third = Keys::open(&location, &Random::system()).unwrap();
        assert_eq!(third.super_admin(), first.super_admin());
        assert_ne!(third.operator(), first.operator());
        let fourth = Keys::open(&location, &Random::system()).unwrap();
        assert_eq!(third.operator(), fourth.operator());

        fs::write(&path, "{}").unwrap();
        let error = Keys::open(&location, &Random::system()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("keys.json: delete the file to get new keys"),
            "{error}"
        );
    }
}

//! API keys: who may call, for which network, and what they may do.
//!
//! A key reads `ff_<kind>_<id>_<secret>`: the kind for people and secret scanners, the id to find
//! its record, and 256 random bits. Only a hash of the whole text is stored.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::base32;
use crate::id::NetworkId;
use crate::time::Timestamp;

/// What a person or program is, in the words of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May do everything; its keys start with `ff_super_`.
    SuperAdmin,
    /// May do everything; its keys start with `ff_admin_`.
    Admin,
    /// May do everything but flip the master toggle of pushes; its keys start with `ff_user_`.
    Developer,
    /// May only read; its keys start with `ff_user_` too.
    Viewer,
}

/// What a machine's key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Report events, and read what became of them.
    EventsWrite,
    /// Register devices and set their users' preferences, and nothing else.
    DevicesWrite,
    /// Look after what belongs to no network. Only who may write to the deployment's table can make
    /// such a key, no role includes it, and it goes with no other scope and no network: networks are
    /// tenants.
    Operate,
}

/// The right of a key: a role, or some scopes and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everything that the role may do.
    Role(Role),
    /// Only what these scopes name; it neither reads configuration nor changes webhooks.
    Scopes(Vec<Scope>),
    /// Nothing: scopes that do not go together, of a key that was made before they were refused.
    Mixed(Vec<Scope>),
}

/// What an operation of the API asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Read configuration, events and deliveries.
    Read,
    /// Change webhooks, event types and settings.
    ManageWebhooks,
    /// Report events, and read what became of them.
    WriteEvents,
    /// Register devices, and set what their users want.
    WriteDevices,
    /// Change push settings, but not the master toggle.
    ManagePush,
    /// Flip the master toggle of pushes. Source: social.plus, "Super Administrator and
    /// Administrator".
    SwitchPush,
    /// Read, send back and give up what belongs to no network.
    Operate,
}

macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word used in keys' records and in the authorizer's context.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The exact reverse of `word`; `None` for any other text.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(Role { SuperAdmin = "super_admin", Admin = "admin", Developer = "developer", Viewer = "viewer" });
words!(Scope { EventsWrite = "events:write", DevicesWrite = "devices:write", Operate = "operator" });

impl Access {
    /// Whether this right covers `permission`. Everything not named here is refused.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        match (self, permission) {
            (Self::Mixed(_), _) => false,
            (Self::Scopes(_), Permission::Operate) => self.is_operators(),
            (Self::Role(_), Permission::Operate)
            | (Self::Role(Role::Developer), Permission::SwitchPush) => false,
            (Self::Role(Role::SuperAdmin | Role::Admin), _)
            | (Self::Role(Role::Viewer), Permission::Read) => true,
            (Self::Role(Role::Viewer), _) => false,
            (Self::Role(Role::Developer), _) => true,
            (Self::Scopes(scopes), Permission::WriteEvents) => scopes.contains(&Scope::EventsWrite),
            (Self::Scopes(scopes), Permission::WriteDevices) => {
                scopes.contains(&Scope::DevicesWrite)
            }
            (
                Self::Scopes(_),
                Permission::Read
                | Permission::ManageWebhooks
                | Permission::ManagePush
                | Permission::SwitchPush,
            ) => false,
        }
    }

    /// The right of these scopes; `None` when the operator's is one of several: a key of a network
    /// would then reach what is nobody's.
    #[must_use]
    pub fn of_scopes(scopes: Vec<Scope>) -> Option<Self> {
        (!are_mixed(&scopes)).then_some(Self::Scopes(scopes))
    }

    /// Whether it is the operator's right, which is of no network.
    #[must_use]
    pub fn is_operators(&self) -> bool {
        matches!(self, Self::Scopes(scopes) if scopes.as_slice() == [Scope::Operate])
    }

    /// `role:admin` or `scopes:events:write devices:write`: one text for store and context.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Role(role) => format!("role:{}", role.word()),
            Self::Scopes(scopes) | Self::Mixed(scopes) => {
                let words: Vec<_> = scopes.iter().map(|scope| scope.word()).collect();
                format!("scopes:{}", words.join(" "))
            }
        }
    }

    /// Reads what [`to_text`](Self::to_text) writes; `None` for an unknown role or scope.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("role", role) => Role::parse(role).map(Self::Role),
            ("scopes", scopes) => {
                let scopes: Vec<_> = scopes.split(' ').map(Scope::parse).collect::<Option<_>>()?;
                Some(if are_mixed(&scopes) {
                    Self::Mixed(scopes)
                } else {
                    Self::Scopes(scopes)
                })
            }
            _ => None,
        }
    }
}

/// Whether the operator's scope is one of several.
fn are_mixed(scopes: &[Scope]) -> bool {
    scopes.len() > 1 && scopes.contains(&Scope::Operate)
}

/// A key's stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The only network the key is good for; `None` for an operator's key, which is good for none.
    pub network: Option<NetworkId>,
    /// What the key may do there, or outside all networks.
    pub access: Access,
    /// Of the key's whole text, prefix and id included.
    pub hash: KeyHash,
    /// The first instant at which the key is refused; `None` when it never expires.
    pub expires: Option<Timestamp>,
}

impl Grant {
    /// Whether its right is one of a network exactly if it names one. A right to nothing is, either
    /// way: its holder is told what is wrong with it.
    fn is_sound(&self) -> bool {
        matches!(self.access, Access::Mixed(_))
            || self.access.is_operators() == self.network.is_none()
    }
}

/// SHA-256 of a key's text. A plain hash is enough: the text holds 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// From a stored hash: the 32 bytes are taken as they are, not hashed.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest, as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// A key as its owner holds it.
pub struct Key {
    id: String,
    text: Zeroizing<String>,
}

/// The kinds of key, for the prefix.
const KINDS: [&str; 6] = ["super", "admin", "user", "producer", "device", "operator"];

impl Key {
    /// A new key for `access` from 10 random bytes of id and 32 of secret.
    #[must_use]
    pub fn generate(access: &Access, id: [u8; 10], secret: [u8; 32]) -> Self {
        let id = base32::encode(&id);
        let secret = Zeroizing::new(base32::encode(&secret));
        let kind = kind(access);
        let text = Zeroizing::new(format!("ff_{kind}_{id}_{}", *secret));
        Self { id, text }
    }

    /// `None` when the text cannot be a key, so no store is asked.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("ff_")?.splitn(3, '_');
        let (kind, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        base32::decode::<10>(id)?;
        base32::decode::<32>(secret)?;
        KINDS.contains(&kind).then(|| Self {
            id: id.to_owned(),
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// Names the key's record; not secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole text, secret included: to show to its owner once, never to log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Of the whole text, to be stored or compared in the text's place.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// Whether this key is the one `grant` was made for, and still good at `now`. An operator's grant
    /// that names a network, and any other that names none, is unlocked by no key.
    #[must_use]
    pub fn unlocks(&self, grant: &Grant, now: Timestamp) -> bool {
        let same: bool = self.hash().0.ct_eq(&grant.hash.0).into();
        same && grant.is_sound() && grant.expires.is_none_or(|expires| now < expires)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ..)", self.id)
    }
}

fn kind(access: &Access) -> &'static str {
    match access {
        Access::Role(Role::SuperAdmin) => "super",
        Access::Role(Role::Admin) => "admin",
        Access::Role(Role::Developer | Role::Viewer) => "user",
        Access::Scopes(scopes) | Access::Mixed(scopes) if scopes.contains(&Scope::Operate) => {
            "operator"
        }
        Access::Scopes(scopes) if scopes.contains(&Scope::EventsWrite) => "producer",
        Access::Scopes(_) | Access::Mixed(_) => "device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grant(key: &Key, expires: Option<u64>) -> Grant {
        Grant {
            network: NetworkId::parse("demo"),
            access: Access::Role(Role::Admin),
            hash: key.hash(),
            expires: expires.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn rights_are_exactly_the_table() {
        use Permission::{
            ManagePush, ManageWebhooks, Operate, Read, SwitchPush, WriteDevices, WriteEvents,
        };
        let table: [(&str, &[Permission]); 11] = [
            (
                "role:super_admin",
                &[
                    Read,
                    ManageWebhooks,
                    WriteEvents,
                    WriteDevices,
                    ManagePush,
                    SwitchPush,
                ],
            ),
            (
                "role:admin",
                &[
                    Read,
                    ManageWebhooks,
                    WriteEvents,
                    WriteDevices,
                    ManagePush,
                    SwitchPush,
                ],
            ),
            (
                "role:developer",
                &[Read, ManageWebhooks, WriteEvents, WriteDevices, ManagePush],
            ),
            ("role:viewer", &[Read]),
            ("scopes:events:write", &[WriteEvents]),
            ("scopes:devices:write", &[WriteDevices]),
            (
                "scopes:events:write devices:write",
                &[WriteEvents, WriteDevices],
            ),
            ("scopes:operator", &[Operate]),
            ("role:owner", &[]),
            ("scopes:operator events:write", &[]),
            ("scopes:events:write operator", &[]),
        ];
        for (text, allowed) in table {
            let access = Access::parse(text);
            for permission in [
                Read,
                ManageWebhooks,
                WriteEvents,
                WriteDevices,
                ManagePush,
                SwitchPush,
                Operate,
            ] {
                let granted = access.as_ref().is_some_and(|a| a.allows(permission));
                assert_eq!(
                    granted,
                    allowed.contains(&permission),
                    "{text} {permission:?}"
                );
            }
            assert!(access.is_none_or(|a| a.to_text() == text));
        }
    }

    #[test]
    fn an_expired_key_unlocks_nothing() {
        let key = Key::generate(&Access::Role(Role::Admin), [1; 10], [2; 32]);
        let stored = grant(&key, Some(1_000));
        assert!(key.unlocks(&stored, Timestamp::from_millis(999)));
        assert!(!key.unlocks(&stored, Timestamp::from_millis(1_000)));
    }

    #[test]
    fn the_operators_right_goes_with_no_other_and_no_network() {
        let operator = Access::Scopes(vec![Scope::Operate]);
        let mixed = vec![Scope::Operate, Scope::EventsWrite];
        assert_eq!(Access::of_scopes(mixed.clone()), None);
        assert!(!Access::Scopes(mixed.clone()).allows(Permission::Operate));
        let stored = Access::parse("scopes:operator events:write");
        assert_eq!(stored, Some(Access::Mixed(mixed)));
        let key = Key::generate(&operator, [1; 10], [2; 32]);
        for (network, access, good) in [
            (None, operator.clone(), true),
            (NetworkId::parse("demo"), operator, false),
            (None, Access::Role(Role::SuperAdmin), false),
            (
                NetworkId::parse("demo"),
                Access::Role(Role::SuperAdmin),
                true,
            ),
        ] {
            let stored = Grant {
                network,
                access,
                ..grant(&key, None)
            };
            assert_eq!(
                key.unlocks(&stored, Timestamp::default()),
                good,
                "{stored:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn only_the_very_key_unlocks(id: [u8; 10], secret: [u8; 32], flip in 0_usize..32, bit in 0_u8..8) {
            let access = Access::Scopes(vec![Scope::EventsWrite]);
            let key = Key::generate(&access, id, secret);
            let stored = grant(&key, None);
            let mut other = secret;
            other[flip] ^= 1 << bit;
            let other = Key::generate(&access, id, other);
            prop_assert!(Key::parse(key.expose()).unwrap().unlocks(&stored, Timestamp::default()));
            prop_assert!(!other.unlocks(&stored, Timestamp::default()));
            prop_assert_eq!(other.id(), key.id());
            prop_assert!(key.expose().starts_with("ff_producer_"));
            let shown = format!("{key:?}");
            prop_assert!(!shown.contains(key.expose()));
        }
    }
}

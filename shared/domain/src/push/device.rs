//! Devices: where a user's pushes go.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::base32;
use crate::credential::{Environment, Platform, Provider, Slot};
use crate::time::Timestamp;

/// Most devices of one user; the one registered longest ago leaves for the next.
pub const MAX_DEVICES: usize = 20;

/// A person of the application, as the application names them: 1 to 256 characters, none of them a
/// control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str = "must be 1 to 256 characters without control characters";

    /// `None` when the text breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text, 256).then(|| Self(text.to_owned()))
    }

    /// Exactly as it was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In which of `shards` partitions the user's records lie.
    #[must_use]
    pub fn shard(&self, shards: u8) -> u8 {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        digest.last().copied().unwrap_or_default() % shards.max(1)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An installation of the application, as the application names it. Unique in its network: a
/// device that another user signs in on becomes that user's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// What [`parse`](Self::parse) accepts, as the message of a field error. Source: social.plus,
    /// `POST /v1/notification`.
    pub const RULE: &'static str = "must be 1 to 150 characters without control characters";

    /// `None` when the text breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text, 150).then(|| Self(text.to_owned()))
    }

    /// Exactly as it was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Stands for the device in keys and records: 26 letters and digits, the same for the same id.
    #[must_use]
    pub fn key(&self) -> String {
        digest(&self.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a provider knows a device by. Not secret, but nobody's business: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(String);

impl Token {
    /// Most characters of any token. Source: social.plus, `POST /v1/notification`.
    pub const MAX: usize = 1000;

    /// Most characters of an Apple token. Source: the same.
    pub const MAX_APNS: usize = 400;

    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str =
        "must be 1 to 1000 visible ASCII characters; for apns 2 to 400 hexadecimal digits";

    /// `None` when the text breaks [`RULE`](Self::RULE). Apple's hexadecimal digits become
    /// lower-case, so that one device's token is one text.
    #[must_use]
    pub fn parse(text: &str, provider: Provider) -> Option<Self> {
        match provider {
            Provider::Apns => {
                let good = (2..=Self::MAX_APNS).contains(&text.len())
                    && text.len().is_multiple_of(2)
                    && text.bytes().all(|b| b.is_ascii_hexdigit());
                good.then(|| Self(text.to_ascii_lowercase()))
            }
            Provider::Fcm | Provider::Baidu => {
                let good = (1..=Self::MAX).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_graphic());
                good.then(|| Self(text.to_owned()))
            }
        }
    }

    /// The whole text: to be sent to its provider, not to be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Stands for the token in keys: 26 letters and digits that do not give it away.
    #[must_use]
    pub fn key(&self) -> String {
        digest(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.key().get(..6).unwrap_or_default())
    }
}

/// The language of a device, e.g. `de` or `pt-BR`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locale(String);

impl Locale {
    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str =
        "must be a language tag of 2 to 35 letters, digits and hyphens, e.g. de or pt-BR";

    /// The shape of BCP 47: subtags of 1 to 8 letters or digits, the first of 2 to 8 letters. `_`
    /// is read as `-`, because Android writes it so, and case does not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', "-").to_ascii_lowercase();
        let mut subtags = text.split('-');
        let language = subtags.next().unwrap_or_default();
        let good = (2..=35).contains(&text.len())
            && (2..=8).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphabetic())
            && subtags.all(|subtag| {
                (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        good.then_some(Self(text))
    }

    /// In lower case, with hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Itself, then with ever fewer subtags: RFC 4647 §3.4, lookup.
    pub fn wider(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.0.as_str()), |tag| {
            tag.rsplit_once('-').map(|(wider, _)| wider)
        })
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A device as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The application's name for it.
    pub id: DeviceId,
    /// What it runs, who carries pushes to it, and in which of the provider's worlds: the place
    /// whose active credential reaches it.
    pub slot: Slot,
    /// What the provider knows it by.
    pub token: Token,
    /// Chooses among the languages of a template.
    pub locale: Option<Locale>,
    /// When it was registered last: a provider's word that the token died earlier is void.
    pub registered: Timestamp,
}

/// The slot of a device that registers with these; each may be left out but the platform.
#[must_use]
pub fn slot(
    platform: Platform,
    provider: Option<Provider>,
    environment: Option<Environment>,
) -> Option<Slot> {
    let usual = match platform {
        Platform::Ios => Provider::Apns,
        Platform::Android => Provider::Fcm,
    };
    Slot::new(
        platform,
        provider.unwrap_or(usual),
        environment.unwrap_or(Environment::Production),
    )
}

fn is_name(text: &str, most: usize) -> bool {
    // Keys of the table are limited in bytes; no name of these lengths comes near.
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// 128 bits of SHA-256: enough that nobody finds a second text with the same.
pub(crate) fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    base32::encode(digest.split_at(16).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_what_their_provider_takes() {
        for (text, provider, good) in [
            ("aB01", Provider::Apns, true),
            ("aB0", Provider::Apns, false),
            ("xyz!", Provider::Apns, false),
            ("", Provider::Fcm, false),
            ("c:APA91b-_x", Provider::Fcm, true),
            ("with space", Provider::Fcm, false),
            ("1234567890", Provider::Baidu, true),
        ] {
            assert_eq!(Token::parse(text, provider).is_some(), good, "{text}");
        }
        assert!(Token::parse(&"a".repeat(400), Provider::Apns).is_some());
        assert!(Token::parse(&"a".repeat(402), Provider::Apns).is_none());
        assert!(Token::parse(&"a".repeat(1001), Provider::Fcm).is_none());
        let token = Token::parse("AB01", Provider::Apns).unwrap();
        assert_eq!(token.expose(), "ab01");
        assert!(!format!("{token:?}").contains("ab01"));
    }

    #[test]
    fn a_locale_widens_to_its_language() {
        for (text, steps) in [
            ("pt_BR", vec!["pt-br", "pt"]),
            ("zh-Hant-TW", vec!["zh-hant-tw", "zh-hant", "zh"]),
            ("de", vec!["de"]),
        ] {
            let locale = Locale::parse(text).unwrap();
            assert_eq!(locale.wider().collect::<Vec<_>>(), steps);
        }
        for text in ["", "d", "1a", "de-", "de--at", "de at", "abcdefghi"] {
            assert_eq!(Locale::parse(text), None, "{text}");
        }
    }
}

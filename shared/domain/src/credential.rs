//! Push credentials as far as everybody may know them: for what they are, and what they say about
//! themselves. The material is in the vault and in `credential::Credential` only.

use std::fmt;
use std::time::Duration;

use crate::id::{CredentialId, NetworkId};
use crate::time::Timestamp;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$about])* $variant),+ }

        impl $type {
            /// All of them, in the order of their words.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in the API and in keys.
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

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// What kind of phone a push is for.
    Platform {
        /// Apple's.
        Ios = "ios",
        /// Everybody else's.
        Android = "android",
    }
}

words! {
    /// Who brings a push to the phone.
    Provider {
        /// Apple Push Notification service.
        Apns = "apns",
        /// Firebase Cloud Messaging.
        Fcm = "fcm",
        /// Baidu Cloud Push.
        Baidu = "baidu",
    }
}

words! {
    /// Which of a provider's worlds; Apple's are apart, the others' are a name for two credentials.
    Environment {
        /// For apps from the store.
        Production = "production",
        /// For debug builds.
        Sandbox = "sandbox",
    }
}

words! {
    /// What the material is.
    Kind {
        /// A TLS client certificate with its key, from a `.p12` file.
        Certificate = "p12",
        /// A signing key, from a `.p8` file.
        SigningKey = "p8",
        /// A Google service account.
        ServiceAccount = "serviceAccount",
        /// A Baidu API key with its secret key.
        KeyPair = "keyPair",
    }
}

/// A place for which at most one credential is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    platform: Platform,
    provider: Provider,
    environment: Environment,
}

impl Slot {
    /// What [`new`](Self::new) accepts, as the message of a field error.
    pub const RULE: &'static str = "must be apns for ios, and fcm or baidu for android";

    /// `None` when the provider does not serve the platform.
    #[must_use]
    pub fn new(platform: Platform, provider: Provider, environment: Environment) -> Option<Self> {
        let good = match (platform, provider) {
            (Platform::Ios, Provider::Apns)
            | (Platform::Android, Provider::Fcm | Provider::Baidu) => true,
            (Platform::Ios, Provider::Fcm | Provider::Baidu)
            | (Platform::Android, Provider::Apns) => false,
        };
        good.then_some(Self {
            platform,
            provider,
            environment,
        })
    }

    /// Whose phones it serves.
    #[must_use]
    pub fn platform(self) -> Platform {
        self.platform
    }

    /// Who serves them.
    #[must_use]
    pub fn provider(self) -> Provider {
        self.provider
    }

    /// In which of the provider's worlds.
    #[must_use]
    pub fn environment(self) -> Environment {
        self.environment
    }

    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (platform, provider, environment) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Self::new(
            Platform::parse(platform)?,
            Provider::parse(provider)?,
            Environment::parse(environment)?,
        )
    }
}

impl fmt::Display for Slot {
    /// `ios/apns/production`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.platform, self.provider, self.environment
        )
    }
}

/// SHA-256 that tells credentials apart without telling them: of a certificate, of a public key, or
/// of a key pair whose secret half is random.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From the digest's 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// 64 hexadecimal digits, either case; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text
            .chars()
            .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
            .collect::<Option<Vec<_>>>()?;
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Vec<_> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        rest.is_empty().then(|| bytes.try_into().ok().map(Self))?
    }
}

impl fmt::Display for Fingerprint {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a credential says about itself; nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What the material is.
    pub kind: Kind,
    /// The app's bundle id, which is also the default topic; APNs only.
    pub bundle_id: Option<String>,
    /// The Apple developer team; APNs only.
    pub team_id: Option<String>,
    /// Names the signing key at Apple; `.p8` only.
    pub key_id: Option<String>,
    /// The Firebase project; FCM only.
    pub project_id: Option<String>,
    /// Topics it may push to; empty when the provider knows none.
    pub topics: Vec<String>,
    /// Worlds it is good for.
    pub environments: Vec<Environment>,
    /// The first instant at which it is refused; `None` when it never expires.
    pub expires: Option<Timestamp>,
    /// Tells it apart from others.
    pub fingerprint: Fingerprint,
}

/// A stored credential, without its material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Given when it was uploaded; also names its material in the vault.
    pub id: CredentialId,
    /// Whose it is.
    pub network: NetworkId,
    /// Its owner's word for it.
    pub name: String,
    /// Where it may become the active one.
    pub slot: Slot,
    /// What it says about itself.
    pub facts: Facts,
    /// When it was uploaded.
    pub created: Timestamp,
}

/// Days before the end at which an owner is warned, once each. The last is the end itself.
pub const WARN_DAYS: [u16; 6] = [60, 30, 14, 7, 1, 0];

/// Whole days from `now` to `expires`, rounded down; negative once it is over.
#[must_use]
pub fn days_left(expires: Timestamp, now: Timestamp) -> i64 {
    let days = |span: Duration| i64::try_from(span.as_secs() / (24 * 3600)).unwrap_or(i64::MAX);
    if expires > now {
        days(expires.since(now))
    } else {
        // Just over is 0 days ago, and still over: rounded away from the end.
        -days(now.since(expires)) - 1
    }
}

/// The threshold to warn of now: the lowest one reached, unless `warned` is as low already. Those
/// passed over together (a credential uploaded late, a sweep that was down) make one warning.
#[must_use]
pub fn warning_due(expires: Timestamp, now: Timestamp, warned: Option<u16>) -> Option<u16> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let left = expires.since(now);
    let mut lowest_first = WARN_DAYS.iter().rev().copied();
    let reached = lowest_first.find(|&days| left <= DAY * u32::from(days))?;
    warned
        .is_none_or(|before| reached < before)
        .then_some(reached)
}

/// When the next warning is due, after `warned` was given; `None` after the last.
#[must_use]
pub fn next_warning(expires: Timestamp, warned: Option<u16>) -> Option<Timestamp> {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    let mut highest_first = WARN_DAYS.iter().copied();
    let days = highest_first.find(|days| warned.is_none_or(|before| *days < before))?;
    let ahead = DAY_MS * u64::from(days);
    Some(Timestamp::from_millis(
        expires.millis().saturating_sub(ahead),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn each_threshold_is_warned_of_once_and_the_latest_counts() {
        let expires = Timestamp::from_millis(1_000 * 24 * 3600 * 1000);
        let mut warned = None;
        let mut seen = Vec::new();
        let start = Timestamp::from_millis(900 * 24 * 3600 * 1000);
        for day in 0..110 {
            let now = start.after(DAY * day);
            if let Some(days) = warning_due(expires, now, warned) {
                seen.push(days);
                warned = Some(days);
            }
        }
        assert_eq!(seen, WARN_DAYS);
        // Each is due exactly when its turn is said to come.
        let mut before = None;
        for days in WARN_DAYS {
            let due = next_warning(expires, before).unwrap();
            assert_eq!(warning_due(expires, due, before), Some(days));
            let earlier = Timestamp::from_millis(due.millis() - 1);
            assert_eq!(warning_due(expires, earlier, before), None);
            before = Some(days);
        }
        assert_eq!(next_warning(expires, before), None);
        let late = Timestamp::from_millis(990 * 24 * 3600 * 1000);
        assert_eq!(warning_due(expires, late, None), Some(14));
        assert_eq!(warning_due(expires, late, Some(14)), None);
        assert_eq!(warning_due(expires, late, Some(60)), Some(14));
    }

    #[test]
    fn a_provider_serves_its_platform_only() {
        for (text, good) in [
            ("ios/apns/production", true),
            ("android/fcm/sandbox", true),
            ("android/baidu/production", true),
            ("ios/fcm/production", false),
            ("android/apns/production", false),
            ("ios/apns", false),
            ("ios/apns/production/x", false),
        ] {
            let slot = Slot::parse(text);
            assert_eq!(slot.is_some(), good, "{text}");
            assert!(slot.is_none_or(|slot| slot.to_string() == text));
        }
    }

    proptest! {
        #[test]
        fn a_fingerprint_round_trips(bytes: [u8; 32]) {
            let fingerprint = Fingerprint::from_bytes(bytes);
            prop_assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
            prop_assert_eq!(Fingerprint::parse(&fingerprint.to_string()[1..]), None);
        }
    }
}

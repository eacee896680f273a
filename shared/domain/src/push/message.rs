//! What a device is to be shown, in no provider's words.

use std::collections::BTreeMap;
use std::time::Duration;

/// Longest life of an undelivered push: FCM keeps a message at most 2,419,200 seconds, and APNs 30
/// days.
pub const MAX_TTL: Duration = Duration::from_secs(2_419_200);

/// Most bytes of a collapse id. Source: APNs, `apns-collapse-id`.
pub const MAX_COLLAPSE_ID: usize = 64;

/// One push, rendered for one device. A provider's payload and headers are made from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Push {
    /// `None` shows no title.
    pub title: Option<Text>,
    /// `None` only when the push is silent.
    pub body: Option<Text>,
    /// For the application, beside what is shown; texts only, because FCM takes nothing else.
    pub data: BTreeMap<String, String>,
    /// The number on the application's icon; 0 removes it.
    pub badge: Option<u32>,
    /// A sound file of the application, or `default`.
    pub sound: Option<String>,
    /// Pushes with the same one replace each other on the device; at most [`MAX_COLLAPSE_ID`]
    /// bytes.
    pub collapse_id: Option<String>,
    /// How long a provider keeps it for a device that cannot be reached, at most [`MAX_TTL`];
    /// zero is one try. `None` leaves it to the provider.
    pub ttl: Option<Duration>,
    /// Ignored for a silent push, which providers take with normal priority only.
    pub priority: Priority,
    /// Wakes the application and shows nothing.
    pub silent: bool,
}

/// A text to show, and how the application may find a better one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// Rendered; empty when the application is to expand `localised` alone.
    pub text: String,
    /// The application's own translation, expanded on the device: `title-loc-key` and
    /// `loc-key` on iOS, `title_loc_key` and `body_loc_key` on Android.
    pub localised: Option<Localised>,
}

impl Text {
    /// A text without a translation key.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            localised: None,
        }
    }
}

/// A key of the application's own strings, and the arguments its placeholders take in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Localised {
    /// E.g. `NEW_MESSAGE`.
    pub key: String,
    /// `loc-args`: the first replaces `%1$@` or `%1$s`.
    pub args: Vec<String>,
}

/// How soon a device must show a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// At once: APNs 10, FCM `HIGH`.
    #[default]
    High,
    /// When it suits the device's battery: APNs 5, FCM `NORMAL`.
    Normal,
}

impl Priority {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
        }
    }

    /// The exact reverse of [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "high" => Some(Self::High),
            "normal" => Some(Self::Normal),
            _ => None,
        }
    }
}

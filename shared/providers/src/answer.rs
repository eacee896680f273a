//! What a provider said, and what follows from it.

use std::time::Duration;

use domain::time::Timestamp;

/// Characters of a provider's answer that are kept: enough for any error they document.
const MAX_RAW: usize = 512;

/// Characters of a provider's word that are kept; Apple's longest is 26.
const MAX_REASON: usize = 64;

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is to be done.
    pub class: Class,
    /// The HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// The provider's own word, e.g. `Unregistered`, or ours for what has none.
    pub reason: String,
    /// The same, as a sentence for a person.
    pub meaning: &'static str,
    /// The provider's answer as it came, cut to 512 characters.
    pub raw: String,
    /// What the provider calls the message it took.
    pub provider_id: Option<String>,
}

/// What is to be done about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The provider took it.
    Delivered,
    /// The token is dead: forget it, unless the device was registered after `since`.
    DeadToken {
        /// Until when the provider knows that it is dead.
        since: Option<Timestamp>,
    },
    /// The token is dead, or the credential is for another environment or application: the two look
    /// the same, so a freshly activated credential's tokens are kept.
    WrongEnvironmentSuspect,
    /// The token belongs to another project than the credential: one of the two is the wrong one, and
    /// the token is not dead.
    WrongProjectSuspect,
    /// The credential convinces nobody: pause it, keep its messages.
    CredentialFault,
    /// Try again, not before `after`.
    Retry {
        /// As the provider asks, or as its documents advise.
        after: Duration,
    },
    /// Never will be taken as it is.
    Poison,
}

impl Class {
    /// The word used in records, metrics and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::DeadToken { .. } => "dead_token",
            Self::WrongEnvironmentSuspect => "wrong_environment_suspect",
            Self::WrongProjectSuspect => "wrong_project_suspect",
            Self::CredentialFault => "credential_fault",
            Self::Retry { .. } => "retry",
            Self::Poison => "poison",
        }
    }
}

impl Answer {
    pub(crate) fn new(class: Class, reason: &str, meaning: &'static str) -> Self {
        Self {
            class,
            status: None,
            reason: reason.chars().take(MAX_REASON).collect(),
            meaning,
            raw: String::new(),
            provider_id: None,
        }
    }

    pub(crate) fn with_status(self, status: u16, body: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(body);
        Self {
            status: Some(status),
            raw: raw.chars().take(MAX_RAW).collect(),
            ..self
        }
    }

    pub(crate) fn with_provider_id(self, provider_id: Option<String>) -> Self {
        Self {
            provider_id,
            ..self
        }
    }
}

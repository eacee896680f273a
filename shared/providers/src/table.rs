//! Answers as data: a provider's words, each with its class and its sentence.

use std::time::Duration;

use domain::time::Timestamp;

use crate::answer::{Answer, Class};

/// What a row makes of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    Dead,
    Suspect,
    Foreign,
    Fault,
    /// In seconds; an answer's own wish goes first.
    Retry(u64),
    Poison,
}

/// One word of a provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) word: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) meaning: &'static str,
}

/// What an answer brings beside its word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Details {
    pub(crate) since: Option<Timestamp>,
    pub(crate) retry_after: Option<Duration>,
}

impl Verdict {
    pub(crate) fn class(self, details: Details) -> Class {
        match self {
            Self::Dead => Class::DeadToken {
                since: details.since,
            },
            Self::Suspect => Class::WrongEnvironmentSuspect,
            Self::Foreign => Class::WrongProjectSuspect,
            Self::Fault => Class::CredentialFault,
            Self::Retry(seconds) => Class::Retry {
                after: details
                    .retry_after
                    .unwrap_or_else(|| Duration::from_secs(seconds)),
            },
            Self::Poison => Class::Poison,
        }
    }
}

impl Row {
    pub(crate) fn answer(self, details: Details) -> Answer {
        Answer::new(self.verdict.class(details), self.word, self.meaning)
    }
}

pub(crate) fn find(rows: &'static [Row], word: &str) -> Option<Row> {
    rows.iter().find(|row| row.word == word).copied()
}

/// For a word that no document names: what its status says, RFC 9110 §15.
pub(crate) fn by_status(status: u16, word: &str, details: Details) -> Answer {
    let (verdict, meaning) = match status {
        401 | 403 => (
            Verdict::Fault,
            "the provider refuses the credential for a reason it has not documented",
        ),
        // A device that is gone has a word; without one it may be a proxy's page, or an address of the
        // provider's that has moved, and would be the end of every device.
        404 | 410 => (
            Verdict::Retry(900),
            "the answer says that something is gone, and not that it is the device, which is kept",
        ),
        408 | 425 | 429 => (Verdict::Retry(60), "the provider asks to come back later"),
        500.. => (Verdict::Retry(900), "the provider is in trouble"),
        _ => (
            Verdict::Poison,
            "the provider refuses the push for a reason it has not documented",
        ),
    };
    Answer::new(verdict.class(details), word, meaning)
}

/// No complete answer came: the push may or may not have arrived.
pub(crate) fn lost(reason: &str, meaning: &'static str) -> Answer {
    Answer::new(
        Verdict::Retry(10).class(Details::default()),
        reason,
        meaning,
    )
}

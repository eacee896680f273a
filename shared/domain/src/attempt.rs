//! One call to a receiver, and how its answer is read.

use crate::time::Timestamp;

/// What an attempt ran into, as the wire tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The receiver answered with this HTTP status.
    Status(u16),
    /// No usable answer; the word names the stage, e.g. `dns_failed`, `deadline_exceeded`.
    Failure {
        /// A stable word, recorded as the reason of the attempt.
        word: &'static str,
        /// What happened, in words a customer understands.
        explanation: &'static str,
    },
}

/// What an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered 2xx.
    Succeeded,
    /// To be tried again while the schedule lasts.
    Failed,
}

/// A finished attempt, as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// 0 when nothing was sent.
    pub duration_ms: u32,
    /// `Failed` also when nothing could be sent.
    pub outcome: Outcome,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// A stable word: `succeeded`, `http_status`, or the failure's word.
    pub reason: String,
    /// The verdict in words a customer understands.
    pub explanation: String,
    /// The start of the answer's body, kept for failures only.
    pub response: Option<String>,
}

/// Most characters of an answer kept beside a failed attempt.
pub const MAX_RESPONSE_KEPT: usize = 512;

/// Reads an answer. Standard Webhooks: 2xx is success; everything else, redirects included, is
/// failure and retried.
#[must_use]
pub fn judge(seen: Seen) -> (Outcome, &'static str, String) {
    match seen {
        Seen::Status(status @ 200..=299) => (
            Outcome::Succeeded,
            "succeeded",
            format!("the receiver accepted it with {status}"),
        ),
        Seen::Status(status @ 300..=399) => (
            Outcome::Failed,
            "http_status",
            format!(
                "the receiver answered {status}, a redirect, which is never followed; point the endpoint at the final address"
            ),
        ),
        Seen::Status(status) => (
            Outcome::Failed,
            "http_status",
            format!("the receiver answered {status}; only 2xx counts as delivered"),
        ),
        Seen::Failure { word, explanation } => (Outcome::Failed, word, explanation.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_succeeds() {
        for status in 100..=599 {
            let expected = if (200..300).contains(&status) {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            };
            assert_eq!(judge(Seen::Status(status)).0, expected, "{status}");
        }
    }
}

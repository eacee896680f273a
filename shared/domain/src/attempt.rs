//! One call to a receiver, and how its answer is read.

use std::net::IpAddr;
use std::time::Duration;

use crate::endpoint::disabled;
use crate::time::Timestamp;

/// What an attempt ran into, as the wire tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The receiver answered with this HTTP status.
    Answer {
        /// The HTTP status.
        status: u16,
        /// What its headers ask for.
        wishes: Wishes,
    },
    /// No usable answer; the word names the stage, e.g. `dns_failed`, `deadline_exceeded`.
    Failure {
        /// A stable word, recorded as the reason of the attempt.
        word: &'static str,
        /// What happened, in words a customer understands.
        explanation: &'static str,
    },
}

/// What a receiver asks for in the headers of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// `retry-after`, as a wait from now.
    pub retry_after: Option<Duration>,
    /// `webhook-delivery`.
    pub control: Control,
}

/// What `webhook-delivery` says, the header by which receivers steer their sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Control {
    /// `disable`: send nothing more.
    pub disable: bool,
    /// `abort-message`: do not try this webhook again.
    pub abort_message: bool,
}

impl Control {
    /// Reads the header's lines. Each may be a list, because whoever stands between may join several
    /// lines to one (RFC 9110 §5.3). A value that is not known changes nothing.
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for value in lines.into_iter().flat_map(|line| line.split(',')) {
            match value.trim().to_ascii_lowercase().as_str() {
                "disable" => all.disable = true,
                "abort-message" => all.abort_message = true,
                _ => {}
            }
        }
        all
    }
}

/// The longest wait a receiver may ask for: the longest delay of the default schedule.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(36_000);

/// Reads `retry-after`, RFC 9110 §10.2.3: seconds, or a date. Cut to [`MAX_RETRY_AFTER`]; `None`
/// when it is neither.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is still a number, and far too long.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(text).ok()?;
        let since_epoch = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Timestamp::EPOCH.after(since_epoch).since(now)
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// What an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered 2xx.
    Succeeded,
    /// To be tried again while the schedule lasts.
    Failed,
}

/// What an attempt means for its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Nothing beyond the delivery itself.
    Nothing,
    /// Send less for a while: this long, if the receiver said.
    Slow(Option<Duration>),
    /// Send nothing more, for this reason, one of [`disabled`].
    Disable(&'static str),
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// For the delivery.
    pub outcome: Outcome,
    /// A stable word: `succeeded`, `http_status`, `receiver_aborted`, or the failure's word.
    pub reason: &'static str,
    /// The same in words a customer understands.
    pub explanation: String,
    /// No further attempt may be made, whatever the schedule has left.
    pub last: bool,
    /// The least wait before the next attempt, if the receiver named one.
    pub retry_after: Option<Duration>,
    /// For the endpoint.
    pub demand: Demand,
}

/// A finished attempt, as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long each stage took; zero in all when nothing was sent.
    pub timing: Timing,
    /// The receiver's address, once one was connected to. Always a public one on AWS.
    pub address: Option<IpAddr>,
    /// What the TLS handshake told, if there was one.
    pub tls: Option<Tls>,
    /// `Failed` also when nothing could be sent.
    pub outcome: Outcome,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// A stable word: `succeeded`, `http_status`, or the failure's word.
    pub reason: String,
    /// The verdict in words a customer understands.
    pub explanation: String,
    /// What the receiver answered, as far as it is kept beside the attempt.
    pub response: Option<Response>,
}

impl Attempt {
    /// One of which nothing was sent.
    #[must_use]
    pub fn unsent(number: u32, at: Timestamp, reason: &str, explanation: &str) -> Self {
        Self {
            number,
            at,
            timing: Timing::default(),
            address: None,
            tls: None,
            outcome: Outcome::Failed,
            status: None,
            reason: reason.to_owned(),
            explanation: explanation.to_owned(),
            response: None,
        }
    }
}

/// Milliseconds per stage; `None` for a stage not reached, or not run because of a kept connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Resolving and judging.
    pub dns: Option<u32>,
    /// Opening the TCP connection.
    pub connect: Option<u32>,
    /// The TLS handshake.
    pub tls: Option<u32>,
    /// From the start to the answer's headers.
    pub first_byte: Option<u32>,
    /// From the start to the end.
    pub total: u32,
}

/// What a TLS handshake tells of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: String,
    /// When the receiver's certificate ends.
    pub not_after: Option<Timestamp>,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// Names and values in their order.
    pub headers: Vec<(String, String)>,
    /// The body's start as text; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// There was more than is kept here.
    pub truncated: bool,
}

/// What of an answer is kept beside an attempt. The whole of it, up to 16 KiB, has a record of its
/// own when its endpoint keeps the answers to such attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    /// Characters of the body.
    pub body: usize,
    /// Bytes of names and values.
    pub headers: usize,
}

impl Excerpt {
    /// A success and its delivery together stay below 1 KB, one write unit.
    pub const OF_SUCCESS: Self = Self {
        body: 128,
        headers: 256,
    };
    /// Enough to see at a glance why.
    pub const OF_FAILURE: Self = Self {
        body: 512,
        headers: 512,
    };
}

impl Response {
    /// The start of it.
    #[must_use]
    pub fn excerpt(&self, limit: Excerpt) -> Self {
        let mut room = limit.headers;
        let headers = self.headers.iter().take_while(|(name, value)| {
            let fits = room.checked_sub(name.len() + value.len());
            room = fits.unwrap_or_default();
            fits.is_some()
        });
        let headers: Vec<_> = headers.cloned().collect();
        let body: String = self.body.chars().take(limit.body).collect();
        Self {
            truncated: self.truncated
                || headers.len() < self.headers.len()
                || body.len() < self.body.len(),
            headers,
            body,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.body.is_empty()
    }
}

/// Reads what an attempt ran into. Standard Webhooks: 2xx is success; everything else, redirects
/// included, is failure and retried; 410 disables; 429, 502 and 504 ask for less.
#[must_use]
pub fn judge(seen: Seen) -> Verdict {
    match seen {
        Seen::Failure { word, explanation } => failed(word, explanation.to_owned()),
        Seen::Answer { status, wishes } => obey(judge_status(status), wishes),
    }
}

fn failed(reason: &'static str, explanation: String) -> Verdict {
    Verdict {
        outcome: Outcome::Failed,
        reason,
        explanation,
        last: false,
        retry_after: None,
        demand: Demand::Nothing,
    }
}

fn judge_status(status: u16) -> Verdict {
    let (text, demand) = match status {
        200..=299 => {
            return Verdict {
                outcome: Outcome::Succeeded,
                ..failed(
                    "succeeded",
                    format!("the receiver accepted it with {status}"),
                )
            };
        }
        300..=399 => (
            "a redirect, which is never followed; point the endpoint at the final address",
            Demand::Nothing,
        ),
        410 => (
            "which says that nobody listens there any more; the endpoint is disabled",
            Demand::Disable(disabled::GONE),
        ),
        429 => ("which asks for fewer webhooks", Demand::Slow(None)),
        502 | 504 => ("which says that it is overloaded", Demand::Slow(None)),
        _ => ("only 2xx counts as delivered", Demand::Nothing),
    };
    Verdict {
        demand,
        ..failed(
            "http_status",
            format!("the receiver answered {status}; {text}"),
        )
    }
}

/// The answer's headers on top of its status. A receiver that accepts a webhook has nothing to put off
/// or to abort.
fn obey(mut verdict: Verdict, wishes: Wishes) -> Verdict {
    let failed = verdict.outcome == Outcome::Failed;
    if let Some(wait) = wishes.retry_after.filter(|_| failed) {
        verdict.retry_after = Some(wait);
        if let Demand::Slow(asked) = &mut verdict.demand {
            *asked = Some(wait);
        }
        verdict.explanation.push_str(&asked_to_wait(wait));
    }
    if wishes.control.abort_message && failed {
        verdict.reason = "receiver_aborted";
        verdict.last = true;
        verdict
            .explanation
            .push_str("; it asked for no further try with webhook-delivery: abort-message");
    }
    if wishes.control.disable {
        verdict.demand = Demand::Disable(disabled::ASKED);
        verdict
            .explanation
            .push_str("; it asked to be disabled with webhook-delivery: disable");
    }
    verdict
}

fn asked_to_wait(wait: Duration) -> String {
    let seconds = wait.as_secs();
    if wait < MAX_RETRY_AFTER {
        return format!("; it asked with retry-after for a wait of {seconds} s at least");
    }
    format!(
        "; it asked with retry-after for a wait of {seconds} s or more, which is as long as any is heeded"
    )
}

#[cfg(test)]
mod tests;

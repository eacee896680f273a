//! What the receivers saw.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by all receivers.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    /// By receiver and `webhook-id`.
    messages: HashMap<(usize, String), Message>,
    refused: HashSet<String>,
    counts: Counts,
    latencies: Vec<Duration>,
    last_receipt: Instant,
    last_first_try: Instant,
}

#[derive(Debug, Default)]
struct Message {
    tries: u32,
    accepted: bool,
}

/// What has been counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Messages answered with 2xx for the first time.
    pub(super) delivered: u64,
    /// Of these, the ones whose signatures held.
    pub(super) verified: u64,
    /// Messages that came again after a 2xx.
    pub(super) duplicates: u64,
    /// Messages that came again after a refusal.
    pub(super) retried: u64,
}

/// One message as a receiver got it.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) receiver: usize,
    pub(super) id: String,
    pub(super) trusted: bool,
    /// From acceptance to now.
    pub(super) latency: Duration,
    /// How many messages this receiver refuses once.
    pub(super) refusals: usize,
}

/// What the receiver answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Refuse,
}

impl Tally {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Seen {
            messages: HashMap::new(),
            refused: HashSet::new(),
            counts: Counts::default(),
            latencies: Vec::new(),
            last_receipt: now,
            last_first_try: now,
        }))
    }

    pub(super) fn take(&self, receipt: Receipt) -> Verdict {
        let mut seen = self.seen();
        let seen = &mut *seen;
        let now = Instant::now();
        seen.last_receipt = now;
        let may_refuse = seen.refused.len() < receipt.refusals;
        let message = seen
            .messages
            .entry((receipt.receiver, receipt.id.clone()))
            .or_default();
        message.tries += 1;
        if message.accepted {
            seen.counts.duplicates += 1;
            return Verdict::Accept;
        }
        if message.tries == 1 {
            seen.last_first_try = now;
            if may_refuse {
                seen.refused.insert(receipt.id);
                return Verdict::Refuse;
            }
        } else {
            seen.counts.retried += 1;
        }
        message.accepted = true;
        seen.counts.delivered += 1;
        seen.counts.verified += u64::from(receipt.trusted);
        seen.latencies.push(receipt.latency);
        Verdict::Accept
    }

    pub(super) fn counts(&self) -> Counts {
        self.seen().counts
    }

    /// How many messages have come at least once.
    pub(super) fn first_tries(&self) -> u64 {
        u64::try_from(self.seen().messages.len()).unwrap_or(u64::MAX)
    }

    /// How long nothing has come in.
    pub(super) fn silence(&self) -> Duration {
        self.seen().last_receipt.elapsed()
    }

    /// When the last message came for the first time: the deliberate refusals wait for their
    /// retry after that, which says nothing about speed.
    pub(super) fn last_first_try(&self) -> Instant {
        self.seen().last_first_try
    }

    /// Latencies in ascending order.
    pub(super) fn latencies(&self) -> Vec<Duration> {
        let mut latencies = self.seen().latencies.clone();
        latencies.sort_unstable();
        latencies
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_retries_and_duplicates_are_told_apart() {
        let tally = Tally::new();
        let take = |receiver, id: &str, refusals| {
            tally.take(Receipt {
                receiver,
                id: id.to_owned(),
                trusted: true,
                latency: Duration::ZERO,
                refusals,
            })
        };
        assert_eq!(take(0, "a", 0), Verdict::Accept);
        assert_eq!(take(1, "a", 1), Verdict::Refuse);
        assert_eq!(take(1, "b", 1), Verdict::Accept);
        assert_eq!(take(1, "a", 1), Verdict::Accept);
        assert_eq!(take(0, "a", 0), Verdict::Accept);
        assert_eq!(
            tally.counts(),
            Counts {
                delivered: 3,
                verified: 3,
                duplicates: 1,
                retried: 1
            }
        );
        assert_eq!(tally.latencies().len(), 3);
    }
}

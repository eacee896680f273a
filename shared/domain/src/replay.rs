//! A job that sends many deliveries of one endpoint again.
//!
//! ```text
//! Queued ──first page──▶ Running ──last page──▶ Done
//!    └──────────┬───────────┘                 │
//!               ├────── asked to stop ────────┴──▶ Cancelled, what was not tried yet taken back
//!               └── nothing can be sent ──▶ Failed
//! ```
//!
//! It walks the deliveries oldest first, a page at a time. What a page did is written down together
//! with where the next one starts, so a crash repeats at most one page; and each delivery keeps the
//! job that replayed it, so a repeated page replays none twice.

use std::time::Duration;

use crate::delivery;
use crate::event_type::Pattern;
use crate::id::{DeliveryId, EndpointId, NetworkId, ReplayId};
use crate::time::Timestamp;

/// Deliveries a second when the job names no rate.
pub const DEFAULT_RATE: u32 = 50;

/// Most deliveries a second: a page of ten seconds must be done well within one.
pub const MAX_RATE: u32 = 500;

/// Most deliveries in a page.
const MAX_PAGE: u32 = 500;

/// A page is this many seconds' worth of deliveries, if that is not more than a page may be.
const PAGE_SECONDS: u32 = 10;

/// What to replay when the job names no states: what did not arrive.
pub const DEFAULT_STATES: [delivery::State; 2] = [delivery::State::Dead, delivery::State::Parked];

/// Which deliveries, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of events accepted then or later.
    pub since: Timestamp,
    /// Of events accepted before then.
    pub until: Timestamp,
    /// In one of these states, all of them replayable.
    pub states: Vec<delivery::State>,
    /// Of an event type that one of these matches; empty for any.
    pub event_types: Vec<Pattern>,
    /// Deliveries a second, 1 to [`MAX_RATE`].
    pub rate: u32,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made; no page was worked on yet.
    Queued,
    /// At least one page was worked on.
    Running,
    /// Every delivery was looked at, and those found are queued.
    Done,
    /// Stopped on request; what was sent until then stays so.
    Cancelled,
    /// Stopped because nothing can be sent any more.
    Failed,
}

impl State {
    const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The word the API and the store use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The exact reverse of [`word`](Self::word).
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }
}

/// What became of the deliveries looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Deliveries that are what was asked for.
    pub found: u64,
    /// Of them, those queued to be sent again.
    pub replayed: u64,
    /// Of them, those left alone: someone else changed them first, or there is nothing left to send.
    pub skipped: u64,
    /// Of those queued, the ones that a cancel took back before they were sent. At least: a process
    /// can die when it has taken some back and not yet counted them.
    pub taken_back: u64,
}

/// A replay job as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Given when it is made.
    pub id: ReplayId,
    /// The network of the endpoint.
    pub network: NetworkId,
    /// Whose deliveries.
    pub endpoint: EndpointId,
    /// Which of them.
    pub wanted: Wanted,
    /// How far it is.
    pub state: State,
    /// Why it failed, in words.
    pub reason: Option<String>,
    /// So far.
    pub counts: Counts,
    /// The delivery that was looked at last.
    pub cursor: Option<DeliveryId>,
    /// How many pages were worked on; the condition of every write.
    pub step: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

impl Job {
    /// One that has not begun.
    #[must_use]
    pub fn new(
        id: ReplayId,
        network: NetworkId,
        endpoint: EndpointId,
        wanted: Wanted,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            network,
            endpoint,
            wanted,
            state: State::Queued,
            reason: None,
            counts: Counts::default(),
            cursor: None,
            step: 0,
            created: now,
            updated: now,
        }
    }

    /// How many deliveries its next page takes.
    #[must_use]
    pub fn page(&self) -> u32 {
        let seconds = self.wanted.rate.saturating_mul(PAGE_SECONDS);
        seconds.clamp(1, MAX_PAGE)
    }

    /// How long after the start of its page the `index`th replayed delivery (from 0) is sent: whole
    /// seconds, which is what a queue can hold back.
    #[must_use]
    pub fn delay(&self, index: u32) -> Duration {
        Duration::from_secs(u64::from(index / self.wanted.rate.max(1)))
    }

    /// How long after the start of a page that replayed `count` deliveries the next one may start.
    #[must_use]
    pub fn pause(&self, count: u32) -> Duration {
        Duration::from_secs(u64::from(count.div_ceil(self.wanted.rate.max(1))))
    }

    /// The job after a page that ended with the delivery `last`, and was the last page if there is no
    /// `next`.
    #[must_use]
    pub fn after(
        self,
        page: Counts,
        last: Option<DeliveryId>,
        next: Option<DeliveryId>,
        now: Timestamp,
    ) -> Self {
        Self {
            state: if next.is_some() {
                State::Running
            } else {
                State::Done
            },
            counts: Counts {
                found: self.counts.found.saturating_add(page.found),
                replayed: self.counts.replayed.saturating_add(page.replayed),
                skipped: self.counts.skipped.saturating_add(page.skipped),
                taken_back: self.counts.taken_back.saturating_add(page.taken_back),
            },
            cursor: next.or(last).or(self.cursor),
            step: self.step.saturating_add(1),
            updated: now,
            ..self
        }
    }

    /// How it stands, in words.
    #[must_use]
    pub fn explain(&self) -> String {
        let Counts {
            found,
            replayed,
            skipped,
            taken_back,
        } = self.counts;
        let so_far = format!(
            "{replayed} of {found} deliveries found were queued to be sent again, {skipped} skipped"
        );
        match self.state {
            State::Queued => "it waits for its first page".to_owned(),
            State::Running => format!("at work: {so_far} so far"),
            State::Done => format!("every delivery was looked at: {so_far}"),
            State::Cancelled => format!(
                "stopped on request: {so_far}; at least {taken_back} of the queued ones were taken back before they were sent and stand where they stood before; for how all of them stand, see outcome"
            ),
            State::Failed => {
                let reason = self
                    .reason
                    .as_deref()
                    .unwrap_or("nothing more could be sent");
                format!("stopped because {reason}; until then {so_far}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EventId;
    use proptest::prelude::*;

    fn job(rate: u32) -> Job {
        let wanted = Wanted {
            since: Timestamp::EPOCH,
            until: Timestamp::EPOCH,
            states: DEFAULT_STATES.to_vec(),
            event_types: Vec::new(),
            rate,
        };
        let network = NetworkId::parse("demo").unwrap();
        let id = ReplayId::generate(Timestamp::EPOCH, [1; 10]);
        let endpoint = EndpointId::from_bytes([2; 16]);
        Job::new(id, network, endpoint, wanted, Timestamp::EPOCH)
    }

    #[test]
    fn a_job_runs_until_there_is_no_next_page_and_says_how_far_it_is() {
        let page = Counts {
            found: 3,
            replayed: 2,
            skipped: 1,
            taken_back: 0,
        };
        let event = EventId::parse("e").unwrap();
        let next = DeliveryId::of(EndpointId::from_bytes([2; 16]), Timestamp::EPOCH, &event);
        let now = Timestamp::from_millis(9);
        let running = job(50).after(page, Some(next), Some(next), now);
        assert_eq!((running.state, running.step), (State::Running, 1));
        assert_eq!((running.cursor, running.updated), (Some(next), now));
        let later = Timestamp::from_millis(3);
        let last = DeliveryId::of(EndpointId::from_bytes([2; 16]), later, &event);
        let done = running.after(page, Some(last), None, now);
        assert_eq!(done.cursor, Some(last), "the last page was looked at too");
        assert_eq!(
            (done.state, done.step, done.counts.found),
            (State::Done, 2, 6)
        );
        assert!(done.explain().contains("4 of 6"), "{}", done.explain());
        let cancelled = Job {
            state: State::Cancelled,
            counts: Counts {
                taken_back: 3,
                ..done.counts
            },
            ..done.clone()
        };
        assert!(
            cancelled
                .explain()
                .contains("at least 3 of the queued ones were taken back")
        );
        assert!(cancelled.explain().ends_with("see outcome"));
        let failed = Job {
            state: State::Failed,
            reason: Some("the endpoint was deleted".to_owned()),
            ..done
        };
        assert!(
            failed
                .explain()
                .contains("because the endpoint was deleted")
        );
        for state in State::ALL {
            assert_eq!(State::parse(state.word()), Some(state));
        }
        assert!(DEFAULT_STATES.iter().all(|state| state.is_replayable()));
    }

    proptest! {
        #[test]
        fn no_second_gets_more_than_the_rate(rate in 1..=MAX_RATE) {
            let job = job(rate);
            let page = job.page();
            prop_assert!((1..=MAX_PAGE).contains(&page));
            let mut seconds = std::collections::HashMap::new();
            for index in 0..page {
                *seconds.entry(job.delay(index)).or_insert(0) += 1;
            }
            prop_assert!(seconds.values().all(|count| *count <= rate));
            prop_assert!(seconds.keys().all(|delay| *delay < job.pause(page)));
        }
    }
}

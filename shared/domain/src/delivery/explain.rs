//! Why a delivery stands where it does and what can be done about it, in words for its owner.
//!
//! It is worked out when somebody asks, of what is on record anyway: nothing is written down for it
//! while webhooks are sent. So it says what holds a delivery back now, and where the record cannot
//! tell which of several limits that is, it names those that may.

use super::{Cause, REPLAY_CANCELLED, State};
use crate::attempt::Attempt;
use crate::endpoint::{Disabled, Limits, disabled};
use crate::health::Health;
use crate::time::Timestamp;

/// What is known of a delivery itself.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Where it stands.
    pub state: State,
    /// What brought it there, when no attempt did.
    pub cause: Option<&'a Cause>,
    /// The last attempt, of whichever round.
    pub last: Option<&'a Attempt>,
    /// The number of the attempt that the receiver accepted, when that was in an earlier round.
    pub accepted: Option<u32>,
    /// Whether its event's payload was expunged, so that there is nothing to send any more.
    pub expunged: bool,
}

/// An endpoint as far as deliveries wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receiver {
    /// Why nothing is sent to it; `None` while it is enabled.
    pub disabled: Option<Disabled>,
    /// How much it is sent.
    pub limits: Limits,
    /// How it is doing.
    pub health: Health,
}

impl State {
    /// Whether what is said of it depends on its receiver, which then is to be looked up.
    #[must_use]
    pub fn depends_on_receiver(self) -> bool {
        !matches!(self, Self::Delivered)
    }
}

/// When a pending delivery's next attempt is due, at the earliest: not before the next probe of an
/// endpoint whose breaker is open. `None` when there is none, and when no time was planned.
/// `receiver` is `None` for a deleted endpoint.
#[must_use]
pub fn next_attempt(state: State, receiver: Option<&Receiver>) -> Option<Timestamp> {
    let State::Pending { next_attempt } = state else {
        return None;
    };
    let enabled = receiver.filter(|receiver| receiver.disabled.is_none());
    let open = enabled.and_then(|receiver| receiver.health.open);
    // `None` comes before every time.
    next_attempt.max(open.map(|open| open.probe_at))
}

/// Why a delivery stands where it does and what can be done. `receiver` is `None` for a deleted
/// endpoint, and does not matter for a state that does not
/// [depend on it](State::depends_on_receiver).
#[must_use]
pub fn explain(known: Known<'_>, receiver: Option<&Receiver>) -> String {
    let tried = known.last.map(|attempt| attempt.explanation.as_str());
    match known.state {
        State::Pending { .. } => waits(known.state, tried, receiver),
        State::Parked => format!(
            "{}; {}",
            kept(known.cause, receiver),
            advice(known, receiver)
        ),
        State::Delivered => tried.unwrap_or("the receiver accepted it").to_owned(),
        State::Dead => format!(
            "given up after the last attempt: {}; {}{}",
            tried.unwrap_or("none was made"),
            accepted_before(known),
            advice(known, receiver)
        ),
        State::Discarded => match receiver {
            Some(_) => "an operator discarded it; it is not sent any more",
            None => {
                "an operator discarded it, and its endpoint is deleted; it is not sent any more"
            }
        }
        .to_owned(),
    }
}

fn waits(state: State, tried: Option<&str>, receiver: Option<&Receiver>) -> String {
    let which = tried.map_or("first", |_| "next");
    let due = next_attempt(state, receiver).map(|at| format!(", due at {at}"));
    let ground = match receiver {
        None => Some(
            "its endpoint is deleted, so it is given up instead when that attempt is due"
                .to_owned(),
        ),
        Some(receiver) => holding(receiver),
    };
    let ground = ground.map(|ground| format!("; {ground}"));
    let tried = tried.map(|tried| format!("; the last attempt: {tried}"));
    format!(
        "it waits for its {which} attempt{}{}{}",
        due.unwrap_or_default(),
        ground.unwrap_or_default(),
        tried.unwrap_or_default()
    )
}

/// What holds webhooks to an endpoint back, in the order in which the dispatcher asks.
fn holding(receiver: &Receiver) -> Option<String> {
    if let Some(why) = &receiver.disabled {
        return Some(format!(
            "its endpoint is disabled: {}; it is parked instead when that attempt is due, and sent when the endpoint is enabled",
            disabled::explain(&why.reason)
        ));
    }
    if let Some(open) = receiver.health.open {
        let failures = match receiver.health.failures {
            1 => "a failure".to_owned(),
            several => format!("{several} failures in a row"),
        };
        return Some(format!(
            "the breaker is open: after {failures} the endpoint is probed by one webhook at a time, and the next probe is due at {}",
            open.probe_at
        ));
    }
    let slow = receiver.health.slow_until.map(|until| {
        format!("its endpoint is slow to answer, so until {until} at least its webhooks are sent from a queue of their own and may be waiting there for each other")
    });
    let grounds: Vec<_> = [slow, at_most(receiver.limits)]
        .into_iter()
        .flatten()
        .collect();
    (!grounds.is_empty()).then(|| grounds.join("; "))
}

fn at_most(limits: Limits) -> Option<String> {
    let Limits {
        max_in_flight,
        rate_per_second,
    } = limits;
    let limits = [
        max_in_flight.map(|most| format!("{most} at the same time (maxInFlight)")),
        rate_per_second.map(|most| format!("{most} per second (ratePerSecond)")),
    ];
    let limits: Vec<_> = limits.into_iter().flatten().collect();
    (!limits.is_empty()).then(|| {
        format!(
            "its endpoint takes at most {}, so it may be waiting for its turn",
            limits.join(" and ")
        )
    })
}

/// A replay that came to nothing takes nothing back.
fn accepted_before(known: Known<'_>) -> String {
    known.accepted.map_or_else(String::new, |number| {
        format!("that was a replay, and the receiver had accepted attempt {number}; ")
    })
}

/// Why a parked one is kept.
fn kept(cause: Option<&Cause>, receiver: Option<&Receiver>) -> String {
    let reason = cause.map_or(disabled::BY_REQUEST, |cause| cause.reason.as_str());
    if reason == REPLAY_CANCELLED {
        return "it is kept because the replay job that was to send it was cancelled before"
            .to_owned();
    }
    let now = receiver.and_then(|receiver| receiver.disabled.as_ref());
    let (is, reason) = now.map_or(("was", reason), |now| ("is", now.reason.as_str()));
    format!(
        "it is kept because its endpoint {is} disabled: {}",
        disabled::explain(reason)
    )
}

/// What can be done with a parked or dead one; nothing that would be refused.
fn advice(known: Known<'_>, receiver: Option<&Receiver>) -> String {
    let Some(receiver) = receiver else {
        return "its endpoint is deleted, so it cannot be sent any more; discard it".to_owned();
    };
    if known.expunged {
        return "its event's payload is expunged, so it cannot be sent any more; discard it"
            .to_owned();
    }
    let parked = known.state == State::Parked;
    match (&receiver.disabled, parked) {
        (Some(_), true) => "enable the endpoint to send it, or discard it".to_owned(),
        (Some(why), false) => format!(
            "its endpoint is disabled: {}; enable it and then replay the delivery, or discard it",
            disabled::explain(&why.reason)
        ),
        (None, true) if known.cause.is_none_or(|cause| cause.reason != REPLAY_CANCELLED) => {
            "the endpoint is enabled by now: if no job that resumes it is at work, replay it (POST …/deliveries/{id}/replay, or a replay job with the status parked) or discard it".to_owned()
        }
        (None, _) => "replay or discard it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Open;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn off(reason: &str) -> Receiver {
        Receiver {
            disabled: Some(Disabled {
                reason: reason.to_owned(),
                at: Timestamp::EPOCH,
            }),
            ..Receiver::default()
        }
    }

    fn failing(failures: u32, probe_at: Timestamp) -> Receiver {
        let open = Some(Open {
            probe_at,
            probes: 0,
        });
        Receiver {
            health: Health {
                failures,
                open,
                ..Health::default()
            },
            ..Receiver::default()
        }
    }

    fn limited(max_in_flight: Option<u32>, rate_per_second: Option<u32>) -> Receiver {
        Receiver {
            limits: Limits {
                max_in_flight,
                rate_per_second,
            },
            ..Receiver::default()
        }
    }

    fn said(state: State, cause: Option<&str>, receiver: Option<&Receiver>) -> String {
        let cause = cause.map(|reason| Cause {
            reason: reason.to_owned(),
            at: Timestamp::EPOCH,
        });
        let known = Known {
            state,
            cause: cause.as_ref(),
            last: None,
            accepted: None,
            expunged: false,
        };
        explain(known, receiver)
    }

    #[test]
    fn a_waiting_delivery_says_what_holds_it_back() {
        let pending = |next_attempt| State::Pending { next_attempt };
        let fine = Receiver::default();
        let slow = |receiver: Receiver| Receiver {
            health: receiver.health.slowed(99, at(0)).unwrap(),
            ..receiver
        };
        let closed_and_limited = Receiver {
            health: failing(3, at(0)).health,
            ..limited(Some(1), None)
        };
        for (receiver, expected) in [
            (None, "is deleted, so it is given up instead"),
            (
                Some(off("maintenance")),
                "the operator's reason is: maintenance; it is parked",
            ),
            (
                Some(failing(10, at(0))),
                "after 10 failures in a row the endpoint is probed",
            ),
            (Some(failing(1, at(0))), "open: after a failure the"),
            (
                Some(closed_and_limited),
                "the next probe is due at 1970-01-01T00:00:00",
            ),
            (
                Some(limited(Some(2), None)),
                "at most 2 at the same time (maxInFlight), so",
            ),
            (
                Some(limited(None, Some(5))),
                "at most 5 per second (ratePerSecond), so",
            ),
            (
                Some(limited(Some(2), Some(5))),
                "(maxInFlight) and 5 per second (ratePerSecond), so it may be waiting",
            ),
            (
                Some(slow(Receiver::default())),
                "is slow to answer, so until 1970-01-01T00:01:00",
            ),
            (
                Some(slow(limited(Some(2), None))),
                "waiting there for each other; its endpoint takes at most 2",
            ),
            (Some(slow(failing(10, at(0)))), "the breaker is open: after"),
        ] {
            let told = said(pending(None), None, receiver.as_ref());
            assert!(told.contains(expected), "{told}");
        }
        assert_eq!(
            said(pending(None), None, Some(&fine)),
            "it waits for its first attempt"
        );
        let failed = Attempt::unsent(1, Timestamp::EPOCH, "x", "no connection");
        let known = Known {
            state: pending(Some(at(5_000))),
            cause: None,
            last: Some(&failed),
            accepted: None,
            expunged: false,
        };
        let told = explain(known, Some(&fine));
        assert!(
            told.starts_with("it waits for its next attempt, due at 1970-01-01T00:00:05"),
            "{told}"
        );
        assert!(
            told.ends_with("; the last attempt: no connection"),
            "{told}"
        );
    }

    #[test]
    fn no_attempt_is_due_before_the_next_probe() {
        let pending = |next: Option<u64>| State::Pending {
            next_attempt: next.map(at),
        };
        let off_and_open = Receiver {
            health: failing(10, at(9)).health,
            ..off("x")
        };
        for (planned, receiver, expected) in [
            (None, Some(Receiver::default()), None),
            (Some(5), Some(Receiver::default()), Some(5)),
            (None, Some(failing(10, at(9))), Some(9)),
            (Some(5), Some(failing(10, at(9))), Some(9)),
            (Some(12), Some(failing(10, at(9))), Some(12)),
            (Some(5), Some(off_and_open), Some(5)),
            (Some(5), None, Some(5)),
        ] {
            let due = next_attempt(pending(planned), receiver.as_ref());
            assert_eq!(due, expected.map(at), "{planned:?} {receiver:?}");
        }
        assert_eq!(next_attempt(State::Parked, Some(&failing(10, at(9)))), None);
    }

    #[test]
    fn a_parked_delivery_says_why_and_what_to_do() {
        let enabled = Receiver::default();
        for (reason, expected) in [
            (disabled::GONE, "its receiver answered 410 Gone"),
            (disabled::ASKED, "webhook-delivery: disable"),
            (disabled::FAILING, "five days"),
            (disabled::BY_REQUEST, "through the API"),
            ("maintenance", "the operator's reason is: maintenance"),
        ] {
            let told = said(State::Parked, Some(reason), Some(&off(reason)));
            assert!(told.contains(expected), "{told}");
            assert!(told.contains("is disabled"), "{told}");
            assert!(
                told.ends_with("enable the endpoint to send it, or discard it"),
                "{told}"
            );
            let told = said(State::Parked, Some(reason), Some(&enabled));
            assert!(told.contains(expected), "{told}");
            assert!(told.contains("was disabled"), "{told}");
            assert!(told.contains("is enabled by now"), "{told}");
            assert!(told.contains("status parked"), "{told}");
        }
        let cancelled = |receiver| said(State::Parked, Some(REPLAY_CANCELLED), Some(receiver));
        let told = cancelled(&enabled);
        assert!(
            told.ends_with("cancelled before; replay or discard it"),
            "{told}"
        );
        let told = cancelled(&off("x"));
        assert!(
            told.ends_with("enable the endpoint to send it, or discard it"),
            "{told}"
        );
        let told = said(State::Parked, Some("x"), None);
        assert!(told.contains("endpoint was disabled"), "{told}");
        assert!(
            told.ends_with("its endpoint is deleted, so it cannot be sent any more; discard it"),
            "{told}"
        );
    }

    #[test]
    fn nobody_is_advised_to_replay_what_cannot_be_sent() {
        let failed = Attempt::unsent(8, Timestamp::EPOCH, "x", "no connection");
        let (fine, off) = (Receiver::default(), off("maintenance"));
        for (expunged, receiver, expected) in [
            (false, Some(&fine), "; replay or discard it"),
            (
                true,
                Some(&fine),
                "; its event's payload is expunged, so it cannot be sent any more; discard it",
            ),
            (
                true,
                Some(&off),
                "; its event's payload is expunged, so it cannot be sent any more; discard it",
            ),
            (
                false,
                None,
                "; its endpoint is deleted, so it cannot be sent any more; discard it",
            ),
            (
                true,
                None,
                "; its endpoint is deleted, so it cannot be sent any more; discard it",
            ),
            (
                false,
                Some(&off),
                "; its endpoint is disabled: the operator's reason is: maintenance; enable it and then replay the delivery, or discard it",
            ),
        ] {
            let known = Known {
                state: State::Dead,
                cause: None,
                last: Some(&failed),
                accepted: None,
                expunged,
            };
            assert_eq!(
                explain(known, receiver),
                format!("given up after the last attempt: no connection{expected}")
            );
        }
        let known = Known {
            state: State::Dead,
            cause: None,
            last: Some(&failed),
            accepted: Some(3),
            expunged: false,
        };
        let told = explain(known, Some(&fine));
        let expected =
            "no connection; that was a replay, and the receiver had accepted attempt 3; replay";
        assert!(told.contains(expected), "{told}");
        let told = said(State::Discarded, None, None);
        assert!(told.contains("its endpoint is deleted"), "{told}");
    }
}

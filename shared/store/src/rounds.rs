//! Deliveries that leave the flow of tries, and how they come back.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::delivery::keeping::end_for_round;
use domain::delivery::{Cause, REPLAY_CANCELLED, State, arrange};
use domain::id::{DeliveryId, NetworkId, ReplayId};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::attempt_log::write_attempt;
use crate::due::{due_shard, in_the_way, refused};
use crate::item::{Reader, expires_at, n, s};
use crate::key::Key;
use crate::{Delivery, Error, Store};

/// Most attempts kept when a new round begins, so that a delivery replayed again and again stays
/// far below the 400 KB of an item.
const KEPT_ATTEMPTS: usize = 40;

/// Writes at the same time: Lambda gives a function 1,024 file descriptors.
const IN_FLIGHT: usize = 32;

/// A new round of tries of a settled delivery.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// When its first attempt is planned for.
    pub next: Timestamp,
    /// Its beginning.
    pub now: Timestamp,
    /// The job that asks for it, which the delivery remembers.
    pub job: Option<ReplayId>,
}

/// What came of a wish to begin a new round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It has begun.
    Now,
    /// Someone else changed the delivery first.
    Changed,
    /// Its event is forgotten, so there is nothing to send.
    Forgotten,
}

/// What came of a wish to park a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parked {
    /// It is parked.
    Now {
        /// When it is forgotten.
        expires: Timestamp,
    },
    /// Its attempt was made meanwhile, or it is not pending.
    Changed,
    /// Someone may be making its attempt right now.
    InProgress {
        /// When that claim lapses, should its holder have died.
        until: Timestamp,
    },
}

/// Not what was taken back from a replay job, which has no message of its own.
fn is_parked(there: &Reader<'_>) -> bool {
    there.maybe_text("state") == Some(State::Parked.word())
        && there.maybe_text("cause") != Some(REPLAY_CANCELLED)
}

impl Store {
    /// Parks a pending delivery: it keeps its record and has no next attempt. Not while someone may be
    /// making its attempt `number`: that was sent, and its answer is to be recorded.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn park(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
        cause: &Cause,
    ) -> Result<Parked, Error> {
        const OPERATION: &str = "parking a delivery";
        let before = number.saturating_sub(1);
        let sent = self
            .update(&Key::delivery(network, id))
            // Setting something to what it is makes the answer tell it.
            .update_expression(
                "SET #state = :parked, cause = :cause, causeAt = :at, expires = expires REMOVE nextAt, dueAt, dueShard, claimedUntil, claimedBy",
            )
            .condition_expression("#state = :pending AND attempts = :before AND (attribute_not_exists(claimedUntil) OR claimedUntil <= :at)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":parked", s(State::Parked.word()))
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":before", n(before))
            .expression_attribute_values(":cause", s(&cause.reason))
            .expression_attribute_values(":at", n(cause.at.millis()))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                let expires = Reader::new(&item, OPERATION).end()?;
                return Ok(Parked::Now { expires });
            }
            Err(error) => error,
        };
        let there = in_the_way(error, OPERATION)?;
        let there = there.as_ref().map(|item| Reader::new(item, OPERATION));
        let there = there.filter(|there| there.maybe_number("attempts") == Some(u64::from(before)));
        // Parked by a call whose answer was lost, or by who died before the rest was done.
        if let Some(there) = there.as_ref().filter(|there| is_parked(there)) {
            let expires = there.end()?;
            return Ok(Parked::Now { expires });
        }
        let waits = there.filter(|there| there.maybe_text("state") == Some("pending"));
        let until = waits.and_then(|there| there.maybe_number("claimedUntil"));
        Ok(until.map_or(Parked::Changed, |until| Parked::InProgress {
            until: Timestamp::from_millis(until),
        }))
    }

    /// Makes a parked delivery pending again for its attempt `number`, in a new round. `false` when
    /// it is not parked any more, or was taken back from a replay job: then the message that asks
    /// for it is the one that was taken back.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn unpark(
        &self,
        network: &NetworkId,
        id: DeliveryId,
        number: u32,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some(seen) = self.delivery(network, id).await? else {
            return Ok(false);
        };
        if seen.state != State::Parked || seen.made != number.saturating_sub(1) {
            return Ok(false);
        }
        let round = Round {
            next: now,
            now,
            job: None,
        };
        // Of a forgotten event the attempt makes a dead letter, which says so.
        let (_, end) = self.kept_for(&seen, round).await?;
        let unless = " AND attribute_not_exists(takenBack)";
        self.enter(&seen, unless, round, end).await
    }

    /// Begins a new round of a delivery seen as settled: it is pending, its attempts are numbered
    /// on, its schedule starts over, and it is kept for as long as that takes, with its event.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn begin_round(&self, seen: &Delivery, round: Round) -> Result<Begun, Error> {
        let (event, end) = self.kept_for(seen, round).await?;
        if !event {
            return Ok(Begun::Forgotten);
        }
        let begun = self.enter(seen, "", round, end).await?;
        Ok(if begun { Begun::Now } else { Begun::Changed })
    }

    /// Keeps the event for a round. Gives whether there is one, as far as that had to be looked at, and
    /// the end that the delivery needs if its own is too near.
    async fn kept_for(
        &self,
        seen: &Delivery,
        round: Round,
    ) -> Result<(bool, Option<Timestamp>), Error> {
        let Some(end) = end_for_round(round.next, seen.expires) else {
            return Ok((true, None));
        };
        let kept = self.prolong_event(&seen.network, &seen.event, end).await?;
        Ok((kept, Some(end)))
    }

    /// Nobody else moves the end of a delivery that is settled, so what was seen of it holds as long as
    /// its state does.
    async fn enter(
        &self,
        seen: &Delivery,
        unless: &str,
        round: Round,
        end: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let surplus = seen.attempts.len().saturating_sub(KEPT_ATTEMPTS);
        let kept = (surplus > 0).then(|| seen.attempts.iter().skip(surplus));
        let log = kept.map(|kept| AttributeValue::L(kept.map(write_attempt).collect()));
        let (_, due) = arrange(round.next, round.now);
        let mut set =
            "SET #state = :pending, triedBefore = :made, nextAt = :next, dueAt = :due, dueShard = :shard"
                .to_owned();
        let mut call = self
            .update(&Key::delivery(&seen.network, seen.id))
            .condition_expression(format!("#state = :seen AND attempts = :made{unless}"))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":seen", s(seen.state.word()))
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":made", n(seen.made))
            .expression_attribute_values(":next", n(round.next.millis()))
            .expression_attribute_values(":due", n(due.millis()))
            .expression_attribute_values(":shard", s(due_shard(seen.id)));
        if let Some(end) = end {
            set.push_str(", expires = :expires");
            call = call.expression_attribute_values(":expires", expires_at(end));
        }
        if let Some(log) = log {
            set.push_str(", #log = :log");
            call = call
                .expression_attribute_names("#log", "log")
                .expression_attribute_values(":log", log);
        }
        let mut remove =
            " REMOVE cause, causeAt, claimedUntil, claimedBy, rescues, takenBack".to_owned();
        if let Some(job) = round.job {
            set.push_str(", replayedBy = :job, roundFrom = :seen");
            call = call.expression_attribute_values(":job", s(job.to_string()));
        } else {
            // No job can take this round back.
            remove.push_str(", roundFrom");
        }
        let sent = call.update_expression(set + &remove).send().await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "beginning a new round").map(|()| false),
        }
    }

    /// Takes deliveries back from a job that was cancelled: those whose first attempt of the round was
    /// not begun stand where they stood before it, and the messages on their way find nothing to
    /// do. Gives how many that were.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn take_back(
        &self,
        network: &NetworkId,
        job: ReplayId,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> Result<u64, Error> {
        let each: Vec<_> = ids
            .iter()
            .map(|id| self.take_one_back(network, job, *id, now))
            .collect();
        stream::iter(each)
            .buffer_unordered(IN_FLIGHT)
            .try_fold(0, |sum, taken| async move { Ok(sum + u64::from(taken)) })
            .await
    }

    async fn take_one_back(
        &self,
        network: &NetworkId,
        job: ReplayId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sent = self
            .update(&Key::delivery(network, id))
            .update_expression(
                "SET #state = roundFrom, cause = :cause, causeAt = :now, takenBack = :job REMOVE nextAt, dueAt, dueShard, claimedUntil, claimedBy, rescues",
            )
            .condition_expression(
                "replayedBy = :job AND #state = :pending AND attempts = triedBefore AND attribute_exists(roundFrom) AND (attribute_not_exists(claimedUntil) OR claimedUntil <= :now)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", s("pending"))
            .expression_attribute_values(":job", s(job.to_string()))
            .expression_attribute_values(":cause", s(REPLAY_CANCELLED))
            .expression_attribute_values(":now", n(now.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "taking a delivery back").map(|()| false),
        }
    }

    /// Gives up a delivery seen as dead or parked, for good. `false` when someone else changed it
    /// first.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn discard(&self, seen: &Delivery, cause: &Cause) -> Result<bool, Error> {
        let sent = self
            .update(&Key::delivery(&seen.network, seen.id))
            .update_expression("SET #state = :discarded, cause = :cause, causeAt = :at")
            .condition_expression("#state = :seen AND attempts = :made")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":discarded", s(State::Discarded.word()))
            .expression_attribute_values(":seen", s(seen.state.word()))
            .expression_attribute_values(":made", n(seen.made))
            .expression_attribute_values(":cause", s(&cause.reason))
            .expression_attribute_values(":at", n(cause.at.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "discarding a delivery").map(|()| false),
        }
    }
}

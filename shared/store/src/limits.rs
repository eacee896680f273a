//! Per-endpoint limits that hold over all dispatchers: one small item per endpoint that has any.

use std::time::Duration;

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;

use crate::due::{in_the_way, refused};
use crate::item::{Item, Reader, n};
use crate::key::Key;
use crate::{Error, Store};

/// How often a reservation is tried while others come in between.
const MAX_ROUNDS: usize = 10;

/// How often a place that was free a moment ago is tried for, before the next look is left to another
/// time.
const MAX_SLOTS_TRIED: usize = 4;

fn micros_of(time: Timestamp) -> u64 {
    time.millis().saturating_mul(1000)
}

/// A place among the attempts under way to one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    number: u32,
    until: Timestamp,
}

/// How fast attempts to an endpoint may follow each other, and since when.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Attempts a second; 0 counts as 1.
    pub per_second: u32,
    /// The endpoint's version that set this rate: what an older one says does not undo it.
    pub since: u64,
}

impl Pace {
    fn interval(self) -> u64 {
        let interval = Duration::from_secs(1) / self.per_second.max(1);
        u64::try_from(interval.as_micros()).unwrap_or(u64::MAX)
    }
}

/// What came of a wish to queue up.
enum Queued {
    At(Timestamp),
    /// Nobody waits, or all who do wait by a rate that is no more.
    Nobody,
    TooLong,
}

impl Store {
    /// Reserves the next moment at which an attempt to this endpoint may begin, attempts being as
    /// far apart as `pace` says to the microsecond: the generic cell rate algorithm (ITU-T I.371)
    /// with one atomic write per attempt. The moment can lie ahead; the caller then comes back at it
    /// with nothing to reserve. `None`, and nothing reserved, when it would be after `latest`.
    ///
    /// When the endpoint's rate was set anew since the last reservation, those who wait by the old one
    /// hold nobody back: they must ask again when they come.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn reserve_rate(
        &self,
        network: &NetworkId,
        id: EndpointId,
        pace: Pace,
        latest: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        // Between the two questions another can begin; then it is asked again.
        for _ in 0..MAX_ROUNDS {
            match self.queue_up(network, id, pace, latest, now).await? {
                Queued::At(at) => return Ok(Some(at)),
                Queued::TooLong => return Ok(None),
                Queued::Nobody => {}
            }
            if self.begin(network, id, pace, now).await? {
                return Ok(Some(now));
            }
        }
        Err(Error::Item {
            operation: "reserving a moment",
            what: "a place",
        })
    }

    /// The next place behind those who wait.
    async fn queue_up(
        &self,
        network: &NetworkId,
        id: EndpointId,
        pace: Pace,
        latest: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Queued, Error> {
        const OPERATION: &str = "reserving a later moment";
        let latest = latest.map_or(u64::MAX, micros_of);
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression(
                "SET nextFree = nextFree + :interval, rateVersion = if_not_exists(rateVersion, :since)",
            )
            .condition_expression(
                "nextFree > :now AND nextFree <= :latest AND (attribute_not_exists(rateVersion) OR rateVersion >= :since)",
            )
            .expression_attribute_values(":interval", n(pace.interval()))
            .expression_attribute_values(":since", n(pace.since))
            .expression_attribute_values(":latest", n(latest))
            .expression_attribute_values(":now", n(micros_of(now)))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                let next = Reader::new(&item, OPERATION).number("nextFree")?;
                let at = next.saturating_sub(pace.interval());
                // Not a millisecond early.
                return Ok(Queued::At(Timestamp::from_millis(at.div_ceil(1000))));
            }
            Err(error) => error,
        };
        let there = in_the_way(error, OPERATION)?;
        let there = there.as_ref().map(|item| Reader::new(item, OPERATION));
        Ok(match there {
            Some(there)
                if there.maybe_number("nextFree") > Some(latest) && !outdated(&there, pace) =>
            {
                Queued::TooLong
            }
            Some(_) | None => Queued::Nobody,
        })
    }

    /// Whether the moment is `now`, because nobody waits by the rate of today.
    async fn begin(
        &self,
        network: &NetworkId,
        id: EndpointId,
        pace: Pace,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let next = micros_of(now).saturating_add(pace.interval());
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression("SET nextFree = :next, rateVersion = :since")
            .condition_expression(
                "attribute_not_exists(nextFree) OR nextFree <= :now OR rateVersion < :since",
            )
            .expression_attribute_values(":next", n(next))
            .expression_attribute_values(":since", n(pace.since))
            .expression_attribute_values(":now", n(micros_of(now)))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "reserving this moment").map(|()| false),
        }
    }

    /// Takes one of `most` places among the attempts under way, until `until` should the holder die.
    /// `None` when all are taken. `random` chooses among the free ones, so that those who ask at the
    /// same time get in each other's way seldom.
    ///
    /// Who finds all taken has read and not written: of the many who may be asking, only those write
    /// who saw a free place. What they saw may be a moment old; whom the write refuses is shown the
    /// places as they are.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn take_slot(
        &self,
        network: &NetworkId,
        id: EndpointId,
        most: u32,
        random: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Slot>, Error> {
        let mut there = self.slots(network, id).await?;
        for _ in 0..MAX_SLOTS_TRIED {
            let Some(number) = free_among(&there, most, random, now) else {
                return Ok(None);
            };
            let sent = self
                .update(&Key::limits(network, id))
                .update_expression("SET #slot = :until")
                .condition_expression("attribute_not_exists(#slot) OR #slot <= :now")
                .expression_attribute_names("#slot", slot(number))
                .expression_attribute_values(":until", n(until.millis()))
                .expression_attribute_values(":now", n(now.millis()))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
                .send()
                .await;
            let Err(error) = sent else {
                return Ok(Some(Slot { number, until }));
            };
            there = in_the_way(error, "taking a place")?.unwrap_or_default();
        }
        Ok(None)
    }

    /// The endpoint's item as it was a moment ago, which costs half of a read of what it is.
    async fn slots(&self, network: &NetworkId, id: EndpointId) -> Result<Item, Error> {
        let [pk, sk] = Key::limits(network, id).attributes();
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1);
        let found = call.send().await;
        let found = found.map_err(Error::call("looking for a place"))?;
        Ok(found.item.unwrap_or_default())
    }

    /// Gives a place back. One that lapsed and was taken by another stays theirs.
    ///
    /// # Errors
    /// When the table does not answer; the place lapses by itself then.
    pub async fn free_slot(
        &self,
        network: &NetworkId,
        id: EndpointId,
        held: Slot,
    ) -> Result<(), Error> {
        let sent = self
            .update(&Key::limits(network, id))
            .update_expression("REMOVE #slot")
            .condition_expression("#slot = :until")
            .expression_attribute_names("#slot", slot(held.number))
            .expression_attribute_values(":until", n(held.until.millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => refused(error, "giving a place back"),
        }
    }
}

/// Whether what is reserved was reserved before the endpoint's rate of today was set.
fn outdated(there: &Reader<'_>, pace: Pace) -> bool {
    let since = there.maybe_number("rateVersion");
    since.is_some_and(|since| since < pace.since)
}

/// One of the places that nobody holds.
fn free_among(there: &Item, most: u32, random: u32, now: Timestamp) -> Option<u32> {
    let there = Reader::new(there, "looking for a place");
    let held = |number: u32| there.maybe_number(&slot(number)) > Some(now.millis());
    let free: Vec<_> = (0..most).filter(|number| !held(*number)).collect();
    let chosen = random.checked_rem(u32::try_from(free.len()).ok()?)?;
    free.get(usize::try_from(chosen).ok()?).copied()
}

fn slot(number: u32) -> String {
    format!("slot{number}")
}

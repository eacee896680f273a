//! Replay jobs: one item each, changed only by its next step.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delivery;
use domain::event_type::Pattern;
use domain::id::{DeliveryId, EndpointId, NetworkId, ReplayId};
use domain::idempotency::Idempotency;
use domain::replay::{Counts, Job, State, Wanted};
use domain::time::Timestamp;

use crate::due::refused;
use crate::idempotency::Before;
use crate::item::{Item, Reader, expires, n, s};
use crate::key::{Key, replay_partition};
use crate::transaction::Committed;
use crate::{Error, Store};

/// Jobs of an endpoint, newest first.
#[derive(Debug, Clone)]
pub struct ReplayPage {
    /// At most the limit asked for.
    pub jobs: Vec<Job>,
    /// Where the next page starts; `None` when there is none.
    pub next: Option<ReplayId>,
}

impl Store {
    /// Records a new job, unless its `Idempotency-Key` made one before, which is given then.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep being at the same key.
    pub async fn create_replay(
        &self,
        job: &Job,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Before>, Error> {
        const OPERATION: &str = "recording a replay job";
        let mut items = vec![self.put_new(write(job), OPERATION)?];
        let Some(memory) = idempotency else {
            self.transact(OPERATION, items).await?;
            return Ok(None);
        };
        items.push(self.remember(&job.network, memory, job.id.to_string(), OPERATION)?);
        match self.transact(OPERATION, items).await? {
            Committed::Yes => Ok(None),
            Committed::Refused => self.made_before(&job.network, memory).await,
        }
    }

    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn replay(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        id: ReplayId,
    ) -> Result<Option<Job>, Error> {
        const OPERATION: &str = "reading a replay job";
        let key = Key::replay(network, endpoint, id);
        let item = self.get(&key, OPERATION).await?;
        item.map(|item| read(&Reader::new(&item, OPERATION), network, endpoint))
            .transpose()
    }

    /// The jobs of an endpoint older than `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn list_replays(
        &self,
        network: &NetworkId,
        endpoint: EndpointId,
        before: Option<ReplayId>,
        limit: usize,
    ) -> Result<ReplayPage, Error> {
        const OPERATION: &str = "listing replay jobs";
        let before = before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", s(replay_partition(network, endpoint)))
            .expression_attribute_values(":before", s(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let items = page.items().iter();
        let jobs = items.map(|item| read(&Reader::new(item, OPERATION), network, endpoint));
        let jobs: Vec<_> = jobs.collect::<Result<_, _>>()?;
        let more = page.last_evaluated_key().is_some();
        let next = jobs.last().filter(|_| more).map(|job| job.id);
        Ok(ReplayPage { jobs, next })
    }

    /// Writes what one page did, on top of the step before it. `false` when someone else wrote that
    /// step, or the job has ended meanwhile.
    ///
    /// # Errors
    /// When the table does not answer; the step may or may not be written then.
    pub async fn save_replay(&self, after: &Job) -> Result<bool, Error> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(write(after)))
            .condition_expression("pages = :before AND #state IN (:queued, :running)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":before", n(after.step.saturating_sub(1)))
            .expression_attribute_values(":queued", s(State::Queued.word()))
            .expression_attribute_values(":running", s(State::Running.word()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => put_refused(error, "saving a replay job").map(|()| false),
        }
    }

    /// Adds to how many deliveries were taken back from a cancelled job.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn count_taken_back(&self, job: &Job, taken: u64) -> Result<(), Error> {
        self.update(&Key::replay(&job.network, job.endpoint, job.id))
            .update_expression("ADD countTakenBack :taken")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":taken", n(taken))
            .send()
            .await
            .map_err(Error::call("counting what was taken back"))?;
        Ok(())
    }

    /// Adds the counts of a page that was under way when its job was stopped.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn count_stopped(&self, after: &Job) -> Result<(), Error> {
        let mut set =
            "SET countFound = :found, countReplayed = :replayed, countSkipped = :skipped, pages = :step"
                .to_owned();
        let mut call = self.update(&Key::replay(&after.network, after.endpoint, after.id));
        if let Some(cursor) = after.cursor {
            set.push_str(", #cursor = :cursor");
            call = call
                .expression_attribute_names("#cursor", "cursor")
                .expression_attribute_values(":cursor", s(cursor.to_string()));
        }
        let sent = call
            .update_expression(set)
            .condition_expression("pages = :before AND NOT #state IN (:queued, :running)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":before", n(after.step.saturating_sub(1)))
            .expression_attribute_values(":queued", s(State::Queued.word()))
            .expression_attribute_values(":running", s(State::Running.word()))
            .expression_attribute_values(":found", n(after.counts.found))
            .expression_attribute_values(":replayed", n(after.counts.replayed))
            .expression_attribute_values(":skipped", n(after.counts.skipped))
            .expression_attribute_values(":step", n(after.step))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => refused(error, "counting a stopped page"),
        }
    }

    /// Ends a job, failed with this reason or cancelled without one. `false` when that is not
    /// possible any more: a job that is done can still be cancelled, because done means that all is
    /// queued, not that it was sent.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn stop_replay(
        &self,
        (network, endpoint, id): (&NetworkId, EndpointId, ReplayId),
        failed: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let state = failed.map_or(State::Cancelled, |_| State::Failed);
        let from = match failed {
            Some(_) => "#state IN (:queued, :running)",
            None => "#state IN (:queued, :running, :done)",
        };
        let mut set = "SET #state = :state, updated = :now".to_owned();
        let mut call = self
            .update(&Key::replay(network, endpoint, id))
            .condition_expression(from)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", s(state.word()))
            .expression_attribute_values(":queued", s(State::Queued.word()))
            .expression_attribute_values(":running", s(State::Running.word()))
            .expression_attribute_values(":now", n(now.millis()));
        call = match failed {
            Some(reason) => {
                set.push_str(", failedFor = :reason");
                call.expression_attribute_values(":reason", s(reason))
            }
            None => call.expression_attribute_values(":done", s(State::Done.word())),
        };
        match call.update_expression(set).send().await {
            Ok(_) => Ok(true),
            Err(error) => refused(error, "stopping a replay job").map(|()| false),
        }
    }
}

/// `Ok` when the condition of a put did not hold.
fn put_refused(error: SdkError<PutItemError>, operation: &'static str) -> Result<(), Error> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
        _ => Err(Error::call(operation)(error)),
    }
}

fn write(job: &Job) -> Item {
    let Wanted {
        since,
        until,
        states,
        event_types,
        rate,
    } = &job.wanted;
    let list = |texts: Vec<String>| AttributeValue::L(texts.into_iter().map(s).collect());
    let optional = [
        ("failedFor", job.reason.as_deref().map(s)),
        ("cursor", job.cursor.map(|id| s(id.to_string()))),
    ];
    [
        ("state", s(job.state.word())),
        ("since", n(since.millis())),
        ("until", n(until.millis())),
        (
            "states",
            list(states.iter().map(|state| state.word().to_owned()).collect()),
        ),
        (
            "eventTypes",
            list(event_types.iter().map(ToString::to_string).collect()),
        ),
        ("rate", n(*rate)),
        ("countFound", n(job.counts.found)),
        ("countReplayed", n(job.counts.replayed)),
        ("countSkipped", n(job.counts.skipped)),
        ("countTakenBack", n(job.counts.taken_back)),
        ("pages", n(job.step)),
        ("created", n(job.created.millis())),
        ("updated", n(job.updated.millis())),
        ("expires", expires(job.created)),
    ]
    .into_iter()
    .chain(Key::replay(&job.network, job.endpoint, job.id).attributes())
    .chain(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    )
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn read(item: &Reader<'_>, network: &NetworkId, endpoint: EndpointId) -> Result<Job, Error> {
    let text = |value: &AttributeValue| value.as_s().ok().cloned();
    Ok(Job {
        id: item.parsed("sk", ReplayId::parse)?,
        network: network.clone(),
        endpoint,
        wanted: Wanted {
            since: item.time("since")?,
            until: item.time("until")?,
            states: item.list("states", |value| delivery::State::parse(&text(value)?))?,
            event_types: item.list("eventTypes", |value| Pattern::parse(&text(value)?))?,
            rate: item.small("rate")?,
        },
        state: item.parsed("state", State::parse)?,
        reason: item.maybe_text("failedFor").map(str::to_owned),
        counts: Counts {
            found: item.number("countFound")?,
            replayed: item.number("countReplayed")?,
            skipped: item.number("countSkipped")?,
            taken_back: item.maybe_number("countTakenBack").unwrap_or_default(),
        },
        cursor: item.maybe_text("cursor").and_then(DeliveryId::parse),
        step: item.number("pages")?,
        created: item.time("created")?,
        updated: item.time("updated")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::EventId;

    #[test]
    fn jobs_come_back_as_they_were() {
        let now = Timestamp::from_millis(7);
        let endpoint = EndpointId::from_bytes([1; 16]);
        let wanted = Wanted {
            since: Timestamp::from_millis(3),
            until: Timestamp::from_millis(5),
            states: vec![delivery::State::Dead, delivery::State::Delivered],
            event_types: vec![Pattern::parse("a.*").unwrap()],
            rate: 9,
        };
        let network = NetworkId::parse("demo").unwrap();
        let fresh = Job::new(
            ReplayId::generate(now, [2; 10]),
            network.clone(),
            endpoint,
            wanted,
            now,
        );
        let event = EventId::parse("e").unwrap();
        let ended = Job {
            state: State::Failed,
            reason: Some("of this".to_owned()),
            cursor: Some(DeliveryId::of(endpoint, now, &event)),
            step: 4,
            counts: Counts {
                found: 3,
                replayed: 2,
                skipped: 1,
                taken_back: 1,
            },
            ..fresh.clone()
        };
        for job in [fresh, ended] {
            let item = write(&job);
            let again = read(&Reader::new(&item, "a test"), &network, endpoint);
            assert_eq!(again.unwrap(), job);
        }
    }
}

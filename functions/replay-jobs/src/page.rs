//! The deliveries of one page, each sent again once.

use std::time::Duration;

use domain::delivery::State;
use domain::endpoint::Endpoint;
use domain::id::DeliveryId;
use domain::replay::{Counts, Job};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use queue::Outgoing;
use queue::message::DeliveryMessage;
use store::{Begun, Delivery, DeliveryFilter, Order, Round};
use telemetry::chain::chain;
use telemetry::event::RecordFailed;

use crate::Deps;

/// Writes at the same time: Lambda gives a function 1,024 file descriptors.
const IN_FLIGHT: usize = 32;

/// What a page came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) counts: Counts,
    /// Those whose messages went out.
    pub(crate) sent: Vec<DeliveryId>,
    /// The delivery looked at last, if any was.
    pub(crate) last: Option<DeliveryId>,
    /// The delivery that the next page starts after; `None` when this was the last.
    pub(crate) next: Option<DeliveryId>,
}

/// What became of one delivery.
enum Looked {
    /// It is pending for this job, and its message is to be sent.
    Owed(Box<Outgoing>),
    /// This job replayed it when it worked on this page before, and its attempt was made.
    Before,
    Skipped,
}

/// Begins a round for each delivery of the job's next page and sends their messages, spread over
/// the seconds that the job's rate gives them.
///
/// # Errors
/// When the table does not answer; the page is then repeated, and finds what was done already.
pub(crate) async fn work(deps: &Deps, job: &Job, endpoint: &Endpoint) -> Result<Done, String> {
    let wanted = &job.wanted;
    let filter = DeliveryFilter {
        states: wanted.states.clone(),
        or_replayed_by: Some(job.id),
        replayed_by: None,
        not_taken_back: false,
        event_types: wanted.event_types.clone(),
        since: Some(wanted.since),
        until: Some(wanted.until),
    };
    let order = Order::OldestFirst(job.cursor);
    let limit = usize::try_from(job.page()).unwrap_or(usize::MAX);
    let page = deps
        .store
        .list_deliveries(&job.network, job.endpoint, &filter, order, limit)
        .await;
    let page = page.map_err(|error| chain(&error))?;
    let now = deps.platform.clock.now();
    let looks: Vec<_> = page
        .deliveries
        .iter()
        .zip(0..)
        .map(|(delivery, index)| look(deps, job, endpoint, delivery, job.delay(index), now))
        .collect();
    let looked: Vec<_> = stream::iter(looks)
        .buffered(IN_FLIGHT)
        .try_collect()
        .await
        .map_err(|error: store::Error| chain(&error))?;
    let mut counts = Counts::default();
    let mut outgoing = Vec::new();
    let mut sent = Vec::new();
    for (looked, delivery) in looked.into_iter().zip(&page.deliveries) {
        counts.found += 1;
        match looked {
            Looked::Owed(message) => {
                counts.replayed += 1;
                outgoing.push(*message);
                sent.push(delivery.id);
            }
            Looked::Before => counts.replayed += 1,
            Looked::Skipped => counts.skipped += 1,
        }
    }
    send(deps, job, &outgoing).await;
    Ok(Done {
        counts,
        sent,
        last: page.deliveries.last().map(|delivery| delivery.id),
        next: page.next,
    })
}

/// What a cancelled job's page had queued whose process did not live to take it back.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn left_behind(deps: &Deps, job: &Job) -> Result<Done, store::Error> {
    let filter = DeliveryFilter {
        replayed_by: Some(job.id),
        since: Some(job.wanted.since),
        until: Some(job.wanted.until),
        ..DeliveryFilter::default()
    };
    let order = Order::OldestFirst(job.cursor);
    // One reading finds them all: it goes as far as that of the page, whose limit is the same.
    let limit = usize::try_from(job.page()).unwrap_or(usize::MAX);
    let page = deps
        .store
        .list_deliveries(&job.network, job.endpoint, &filter, order, limit)
        .await?;
    let sent: Vec<_> = page.deliveries.iter().map(|one| one.id).collect();
    let queued = u64::try_from(sent.len()).unwrap_or(u64::MAX);
    Ok(Done {
        counts: Counts {
            found: queued,
            replayed: queued,
            ..Counts::default()
        },
        last: sent.last().copied(),
        sent,
        next: None,
    })
}

async fn look(
    deps: &Deps,
    job: &Job,
    endpoint: &Endpoint,
    delivery: &Delivery,
    delay: Duration,
    now: Timestamp,
) -> Result<Looked, store::Error> {
    let owed = || Looked::Owed(Box::new(message(endpoint, delivery, delay)));
    if delivery.replayed_by == Some(job.id) {
        let waits = matches!(delivery.state, State::Pending { .. });
        let untried = waits && delivery.made == delivery.base;
        return Ok(if untried { owed() } else { Looked::Before });
    }
    if !delivery.state.is_replayable() || delivery.expunged.is_some() {
        return Ok(Looked::Skipped);
    }
    let round = Round {
        next: now.after(delay),
        now,
        job: Some(job.id),
    };
    match deps.store.begin_round(delivery, round).await? {
        Begun::Now => return Ok(owed()),
        Begun::Forgotten => return Ok(Looked::Skipped),
        Begun::Changed => {}
    }
    // It changed meanwhile; perhaps a copy of this job's message was first, which then sends it.
    let changed = deps.store.delivery(&job.network, delivery.id).await?;
    let ours = changed.is_some_and(|changed| changed.replayed_by == Some(job.id));
    Ok(if ours {
        Looked::Before
    } else {
        Looked::Skipped
    })
}

fn message(endpoint: &Endpoint, delivery: &Delivery, delay: Duration) -> Outgoing {
    let message = DeliveryMessage {
        endpoint_version: endpoint.version,
        // The sweep knows of it too, and a repeated page sends it again.
        repeated: true,
        ..DeliveryMessage::of(
            &delivery.network,
            delivery.id,
            &delivery.event,
            delivery.made.saturating_add(1),
        )
    };
    Outgoing {
        body: message.write(),
        group: message.group(),
        delay,
    }
}

/// The rounds are on record: a message that the queue does not take is sent by the sweep, ten
/// minutes late.
async fn send(deps: &Deps, job: &Job, outgoing: &[Outgoing]) {
    for sent in deps.retries.send(outgoing).await {
        if let Err(error) = sent {
            let event = RecordFailed {
                queue: "replays",
                message_id: job.id.to_string(),
                error: error.to_string(),
                records_failed: 1,
            };
            let now = deps.platform.clock.now();
            deps.platform.telemetry.emit(&event, now.millis());
        }
    }
}

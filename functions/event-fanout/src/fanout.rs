//! One event, from queue message to the deliveries it owes.

use std::time::Duration;

use domain::delivery::Cause;
use domain::delivery::keeping::first_end;
use domain::endpoint::Endpoint;
use domain::event::Event;
use domain::id::{EndpointId, EventId, NetworkId};
use domain::matching::{Destination, Subscribers, Verdict, plan};
use domain::network::Rules;
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use queue::message::{DeliveryMessage, EventBody, Malformed, Reported, read_event};
use queue::{Outgoing, Record};
use set_aside::Source;
use store::Taken;
use telemetry::event::DuplicateEventDropped;

use crate::{Deps, push};

/// What a record of the events queue came to.
#[derive(Debug)]
pub(crate) enum Fanned {
    /// These are to be sent; the record is done once they are, and the event is noted.
    Owes {
        network: NetworkId,
        event: EventId,
        /// Until when it is kept.
        until: Timestamp,
        messages: Owes,
    },
    Duplicate,
    Quarantined,
}

/// Messages by the queue they go to.
#[derive(Debug)]
pub(crate) struct Owes {
    pub(crate) deliveries: Vec<Outgoing>,
    /// Pages of people to push to.
    pub(crate) audiences: Vec<Outgoing>,
    /// For endpoints that want to hear of the push itself.
    pub(crate) news: Vec<Outgoing>,
}

/// Stores the event of a record that came in at `received`, and owes its deliveries.
///
/// # Errors
/// When the table does not answer; the record is received again then.
pub(crate) async fn fan_out(
    deps: &Deps,
    record: &Record,
    received: Timestamp,
) -> Result<Fanned, store::Error> {
    let reported = match read_event(&record.body, record.sent, &record.message_id) {
        Ok(reported) => reported,
        Err(malformed) => {
            quarantine(deps, record, &malformed).await?;
            return Ok(Fanned::Quarantined);
        }
    };
    let now = deps.platform.clock.now();
    let owner = &reported.event.network;
    let network = deps.endpoints.at(&deps.store, owner, received, now);
    let network = network.await?;
    let rules = network.rules;
    if let Some(why) = forbidden(deps, &reported, rules, now).await? {
        quarantine(deps, record, &why).await?;
        return Ok(Fanned::Quarantined);
    }
    let event = reported.event;
    let endpoints = &network.endpoints;
    let fresh = plan(&event, reported.audience, endpoints);
    let end = first_end(event.accepted, rules.retention, now);
    let (destinations, continued) = match deps
        .store
        .take_event(&event, &reported.message_id, &fresh, end)
        .await?
    {
        Taken::First => (fresh, false),
        Taken::Again(stored) => (stored, true),
        Taken::Duplicate => {
            let event = DuplicateEventDropped {
                network: event.network.to_string(),
                event_id: event.id.to_string(),
            };
            deps.platform.telemetry.emit(&event, now.millis());
            return Ok(Fanned::Duplicate);
        }
    };
    // Lambda may hold a batch back until somebody else has it too.
    let continued = continued || received.since(record.first_received) > PROMPT;
    let body = EventBody::riding(&event).filter(|_| rides(&event, destinations.len()));
    let owing = Owing {
        deps,
        event: &event,
        continued,
        body,
        end,
    };
    let owed: Vec<_> = stream::iter(destinations)
        .map(|destination| owing.owe(destination, endpoints, now))
        .buffered(IN_FLIGHT)
        .try_collect()
        .await?;
    let (sent, parked): (Vec<_>, Vec<_>) = owed.into_iter().partition(|owed| !owed.parked);
    let mut outgoing: Vec<_> = sent.into_iter().map(|owed| owed.message).collect();
    if !parked.is_empty() {
        outgoing.extend(enabled_meanwhile(deps, &event.network, parked).await?);
    }
    let (audiences, news) = match &reported.push {
        None => (Vec::new(), Vec::new()),
        Some(push) => {
            let audiences = push::begin(deps, &event, push, continued).await?;
            let news = push::news(deps, &event, push, &reported.message_id, (endpoints, now));
            (audiences, news.await?.into_iter().collect())
        }
    };
    let until = counted_until(&event, rules, end, continued, now);
    Ok(Fanned::Owes {
        network: event.network,
        until,
        event: event.id,
        messages: Owes {
            deliveries: outgoing,
            audiences,
            news,
        },
    })
}

/// How long its deliveries are sure to be on record. What was stored before may end earlier than what
/// is stored now, but was given ten days at least, and is continued within two.
fn counted_until(
    event: &Event,
    rules: Rules,
    end: Timestamp,
    continued: bool,
    now: Timestamp,
) -> Timestamp {
    if !continued {
        return end;
    }
    let retained = event.accepted.after(rules.retention.duration());
    retained.max(now.after(SURELY_KEPT))
}

const SURELY_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A message that is worked on so soon after it was received is the only one: what is sent for it goes
/// without a look at the record, because whoever gets the message next sends long after that.
const PROMPT: Duration = Duration::from_secs(10);

/// The messages of parked deliveries whose endpoint was enabled between the read and the record.
/// Whoever enables one from now on finds its parked deliveries.
async fn enabled_meanwhile(
    deps: &Deps,
    network: &NetworkId,
    parked: Vec<Owed>,
) -> Result<impl Iterator<Item = Outgoing>, store::Error> {
    // Later than anything read so far, also within the same millisecond.
    let now = deps.platform.clock.now().after(Duration::from_millis(1));
    let fresh = deps.endpoints.at(&deps.store, network, now, now).await?;
    let enabled = move |owed: &Owed| {
        let endpoint = fresh.endpoints.get(owed.endpoint);
        endpoint.is_some_and(Endpoint::is_enabled)
    };
    Ok(parked.into_iter().filter(enabled).map(|owed| owed.message))
}

/// Writes at the same time per event. A batch is ten events, a connection each is 320, and Lambda
/// gives a function 1,024 file descriptors.
const IN_FLIGHT: usize = 32;

/// Most bytes of bodies that the messages of one event may take: ten such events in a batch, twice
/// over while they are sent, fit the function's memory.
const MAX_RIDING: usize = 8 * 1024 * 1024;

/// Whether the body rides in each of `deliveries` messages; else the dispatcher reads it.
fn rides(event: &Event, deliveries: usize) -> bool {
    event.data.get().len().saturating_mul(deliveries) <= MAX_RIDING
}

/// A delivery that was written down, and the message that brings it about.
struct Owed {
    endpoint: EndpointId,
    /// Nothing is sent until its endpoint is enabled.
    parked: bool,
    message: Outgoing,
}

/// What the deliveries of one event share.
struct Owing<'a> {
    deps: &'a Deps,
    event: &'a Event,
    /// An earlier receive of the same message may have sent some of them.
    continued: bool,
    body: Option<EventBody>,
    /// When all of it is forgotten.
    end: Timestamp,
}

impl Owing<'_> {
    async fn owe(
        &self,
        destination: Destination,
        endpoints: &Subscribers,
        now: Timestamp,
    ) -> Result<Owed, store::Error> {
        let endpoint = destination.endpoint;
        let known = endpoints.get(endpoint);
        // One enabled since the plan was made gets its delivery at once.
        let disabled = known.and_then(|known| known.disabled.as_ref());
        let cause = disabled
            .filter(|_| destination.verdict == Verdict::Disabled)
            .map(|disabled| Cause {
                reason: disabled.reason.clone(),
                at: now,
            });
        let (event, delivery) = (self.event, destination.delivery(self.event));
        let (store, cause_of) = (&self.deps.store, cause.as_ref());
        let fresh = store.owe(event, delivery, cause_of, self.end).await?;
        let message = DeliveryMessage {
            endpoint_version: known.map_or(0, |known| known.version),
            // Someone else may have sent or resumed it before.
            repeated: self.continued || !fresh || cause.is_some(),
            body: self.body.clone(),
            ..DeliveryMessage::of(&event.network, delivery, &event.id, 1)
        };
        Ok(Owed {
            endpoint,
            parked: cause.is_some(),
            message: Outgoing {
                body: message.write(),
                group: message.group(),
                delay: Duration::ZERO,
            },
        })
    }
}

/// Why the network's rules keep out an event that its producer put into the queue itself. One that
/// came through the API was let in there, and a 202 is not taken back.
async fn forbidden(
    deps: &Deps,
    reported: &Reported,
    rules: Rules,
    now: Timestamp,
) -> Result<Option<Malformed>, store::Error> {
    if reported.admitted {
        return Ok(None);
    }
    let Event {
        network,
        event_type,
        data,
        id,
        ..
    } = &reported.event;
    let errors = deps
        .rules
        .objections(&deps.store, network, rules, event_type, data.get(), now)
        .await?;
    // What was stored under milder rules has deliveries that are owed.
    if errors.is_empty() || deps.store.event(network, id).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(Malformed::Fields(errors)))
}

async fn quarantine(deps: &Deps, record: &Record, why: &Malformed) -> Result<(), store::Error> {
    let from = (Source::Events, record);
    set_aside::unreadable(&deps.platform, &deps.store, from, why).await
}

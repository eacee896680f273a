//! One event, from queue message to the deliveries it owes.

use std::time::Duration;

use domain::event::Event;
use domain::id::{DeliveryId, NetworkId};
use domain::matching::{Destination, plan};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use queue::message::{DeliveryMessage, EventBody, Malformed, owner, read_event};
use queue::{Outgoing, Record};
use store::{Quarantined, Taken};
use telemetry::event::{DuplicateEventDropped, MessageQuarantined};

use crate::Deps;

/// What a record of the events queue came to.
#[derive(Debug)]
pub(crate) enum Fanned {
    /// These are to be sent; the record is done once they are.
    Owes(Vec<Outgoing>),
    Duplicate,
    Quarantined,
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
    let event = reported.event;
    let now = deps.platform.clock.now();
    let endpoints = deps
        .endpoints
        .at(&deps.store, &event.network, received, now)
        .await?;
    let fresh = plan(&event, reported.audience, &endpoints);
    let (destinations, continued) = match deps
        .store
        .take_event(&event, &reported.message_id, &fresh)
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
    let version = |destination: &Destination| {
        let known = endpoints
            .iter()
            .find(|endpoint| endpoint.id == destination.endpoint);
        known.map_or(0, |endpoint| endpoint.version)
    };
    let owed: Vec<_> = destinations
        .iter()
        .filter_map(|destination| Some((destination.delivery(&event)?, version(destination))))
        .collect();
    let body = EventBody::riding(&event).filter(|_| rides(&event, owed.len()));
    let owes: Vec<_> = owed
        .into_iter()
        .map(|(delivery, version)| owe(deps, &event, delivery, version, continued, body.clone()))
        .collect();
    let outgoing = stream::iter(owes).buffered(IN_FLIGHT).try_collect();
    Ok(Fanned::Owes(outgoing.await?))
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

async fn owe(
    deps: &Deps,
    event: &Event,
    delivery: DeliveryId,
    endpoint_version: u64,
    continued: bool,
    body: Option<EventBody>,
) -> Result<Outgoing, store::Error> {
    let fresh = deps.store.owe(event, delivery).await?;
    let message = DeliveryMessage {
        network: event.network.clone(),
        delivery,
        event: event.id.clone(),
        attempt: 1,
        endpoint_version,
        // A continued plan may have sent this delivery before.
        repeated: continued || !fresh,
        reserved: false,
        body,
    };
    Ok(Outgoing {
        body: message.write(),
        group: delivery.endpoint().to_string(),
        delay: Duration::ZERO,
    })
}

async fn quarantine(deps: &Deps, record: &Record, why: &Malformed) -> Result<(), store::Error> {
    let group = record.group.as_deref().and_then(NetworkId::parse);
    let message = Quarantined {
        // Our API sends with the network as fair-queue group.
        network: group.or_else(|| owner(&record.body)),
        queue: "events".to_owned(),
        message_id: record.message_id.clone(),
        reason: why.to_string(),
        at: record.sent,
        body: record.body.clone(),
    };
    deps.store.quarantine(&message).await?;
    let event = MessageQuarantined {
        queue: "events",
        message_id: record.message_id.clone(),
        reason: why.word(),
        quarantined: 1,
    };
    deps.platform
        .telemetry
        .emit(&event, deps.platform.clock.now().millis());
    Ok(())
}

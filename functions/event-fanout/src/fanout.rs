//! One event, from queue message to the deliveries it owes.

use std::time::Duration;

use domain::event::Event;
use domain::id::DeliveryId;
use domain::matching::{Destination, plan};
use domain::time::Timestamp;
use futures::future::try_join_all;
use queue::message::{DeliveryMessage, EventBody, read_event};
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
    let event = match read_event(&record.body, record.sent, &record.message_id) {
        Ok(event) => event,
        Err(malformed) => {
            quarantine(deps, record, malformed.to_string()).await?;
            return Ok(Fanned::Quarantined);
        }
    };
    let now = deps.platform.clock.now();
    let endpoints = deps
        .endpoints
        .at(&deps.store, &event.network, received, now)
        .await?;
    let fresh = plan(&event, &endpoints);
    let (destinations, continued) = match deps
        .store
        .take_event(&event, &record.message_id, &fresh)
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
    let body = EventBody::riding(&event);
    let owed = destinations
        .iter()
        .filter_map(|destination| Some((destination.delivery(&event)?, version(destination))));
    let outgoing = owed
        .map(|(delivery, version)| owe(deps, &event, delivery, version, continued, body.clone()));
    Ok(Fanned::Owes(try_join_all(outgoing).await?))
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
        body,
    };
    Ok(Outgoing {
        body: message.write(),
        group: delivery.endpoint().to_string(),
        delay: Duration::ZERO,
    })
}

async fn quarantine(deps: &Deps, record: &Record, reason: String) -> Result<(), store::Error> {
    let at = record.sent;
    let message = Quarantined {
        // The fair-queue group is the network's name when our API sent the message.
        network: record
            .group
            .as_deref()
            .and_then(domain::id::NetworkId::parse),
        queue: "events".to_owned(),
        message_id: record.message_id.clone(),
        reason: reason.clone(),
        at,
        body: record.body.clone(),
    };
    deps.store.quarantine(&message).await?;
    let event = MessageQuarantined {
        queue: "events",
        message_id: record.message_id.clone(),
        reason,
        quarantined: 1,
    };
    deps.platform
        .telemetry
        .emit(&event, deps.platform.clock.now().millis());
    Ok(())
}

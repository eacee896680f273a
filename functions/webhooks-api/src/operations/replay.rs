//! Sending one delivery again, or giving it up.

use std::time::Duration;

use domain::delivery::{Cause, State};
use domain::endpoint::{Endpoint, disabled};
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use queue::Outgoing;
use queue::message::DeliveryMessage;
use store::{Begun, Delivery, Round};
use telemetry::event::RequestFailed;

use super::deliveries::{find, shown};
use crate::Deps;
use crate::shape::DeliveryBody;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/deliveries/{id}/replay",
    operation_id = "replayDelivery",
    tag = "Deliveries",
    summary = "Send a settled delivery again",
    description = "A delivered, dead or parked delivery begins a new round of tries, with the whole retry schedule before it, to the URL its endpoint has now. `webhook-id` stays the same, attempts are numbered on. The delivery and its event are kept for ten more days at least, so none is forgotten while it is tried. 409 if its event is forgotten already.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 202, description = "The delivery, pending again", body = DeliveryBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `replay`")]
pub(crate) fn replay_doc() {}

pub(crate) async fn replay(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let delivery = find(deps, &call).await?;
    if !delivery.state.is_replayable() {
        return Err(wrong(delivery.state, "delivered, dead or parked", "replayed").into());
    }
    let endpoint = receiver(deps, &delivery).await?;
    let (network, event) = (&delivery.network, &delivery.event);
    match deps.store.event(network, event).await? {
        None => return Err(forgotten().into()),
        Some(stored) if stored.expunged.is_some() => return Err(Problem::PayloadExpunged.into()),
        Some(_) => {}
    }
    let now = deps.platform.clock.now();
    let round = Round {
        next: now,
        now,
        job: None,
    };
    match deps.store.begin_round(&delivery, round).await? {
        Begun::Now => {}
        Begun::Changed => return Err(Problem::PreconditionFailed.into()),
        Begun::Forgotten => return Err(forgotten().into()),
    }
    send(deps, &delivery, &endpoint, now).await;
    reread(deps, &delivery, 202).await
}

/// The endpoint of a delivery, if anything can be sent to it.
async fn receiver(deps: &Deps, delivery: &Delivery) -> Result<Endpoint, Failure> {
    let id = delivery.id.endpoint();
    let found = deps.store.endpoint(&delivery.network, id).await?;
    let endpoint = found.ok_or(Problem::NotFound {
        what: "endpoint any more, so nothing can be sent to it",
    })?;
    if endpoint.is_enabled() {
        Ok(endpoint)
    } else {
        Err(Problem::EndpointDisabled.into())
    }
}

/// Sends the message of the round's first attempt. The round is on record, so one that the queue
/// does not take is sent by the sweep, ten minutes later.
async fn send(deps: &Deps, delivery: &Delivery, endpoint: &Endpoint, now: Timestamp) {
    let message = DeliveryMessage {
        endpoint_version: endpoint.version,
        repeated: true,
        ..DeliveryMessage::of(
            &delivery.network,
            delivery.id,
            &delivery.event,
            delivery.made.saturating_add(1),
        )
    };
    let outgoing = Outgoing {
        body: message.write(),
        group: message.group(),
        delay: Duration::ZERO,
    };
    for sent in deps.retries.send(&[outgoing]).await {
        if let Err(error) = sent {
            let event = RequestFailed {
                operation: "replayDelivery",
                request_id: None,
                error: error.to_string(),
            };
            deps.platform.telemetry.emit(&event, now.millis());
        }
    }
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/deliveries/{id}/discard",
    operation_id = "discardDelivery",
    tag = "Deliveries",
    summary = "Give up a dead or parked delivery for good",
    description = "It stays listed, and neither a replay nor enabling its endpoint sends it again.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "The delivery, discarded", body = DeliveryBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `discard`")]
pub(crate) fn discard_doc() {}

pub(crate) async fn discard(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let delivery = find(deps, &call).await?;
    if !delivery.state.is_discardable() {
        return Err(wrong(delivery.state, "dead or parked", "discarded").into());
    }
    let cause = Cause {
        reason: disabled::BY_REQUEST.to_owned(),
        at: deps.platform.clock.now(),
    };
    if !deps.store.discard(&delivery, &cause).await? {
        return Err(Problem::PreconditionFailed.into());
    }
    reread(deps, &delivery, 200).await
}

fn wrong(state: State, allowed: &'static str, what: &'static str) -> Problem {
    Problem::WrongState {
        what: "delivery",
        state: state.word(),
        allowed,
        action: what,
    }
}

/// Its end has come, and its delivery's is near.
fn forgotten() -> Problem {
    Problem::WrongState {
        what: "event of this delivery",
        state: "forgotten",
        allowed: "still kept",
        action: "sent again",
    }
}

/// The delivery as it is now.
async fn reread(deps: &Deps, seen: &Delivery, status: u16) -> Result<Reply, Failure> {
    let (network, id) = (&seen.network, seen.id);
    let now = deps.store.delivery(network, id).await?;
    let now = now.ok_or(Problem::NotFound { what: "delivery" })?;
    shown(deps, &now, status).await
}

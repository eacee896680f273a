use domain::delivery::next_attempt;
use domain::id::EventId;
use domain::matching;
use futures::future::try_join_all;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::StoredEvent;

use crate::Deps;
use crate::shape::{AttemptSummary, Destination, DestinationStatus, EventDetail};

/// Most destinations told in one answer.
const MAX_DESTINATIONS: usize = 100;

const NOT_FOUND: Problem = Problem::NotFound {
    what: "event (one just accepted may take a moment to appear)",
};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/events/{id}",
    operation_id = "getEvent",
    tag = "Events",
    summary = "An event and what became of it, per endpoint",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = EventDetail),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `explain`")]
pub(crate) fn explain_doc() {}

pub(crate) async fn explain(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let id = EventId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let stored = deps.store.event(&network, &id).await?.ok_or(NOT_FOUND)?;
    let told = stored
        .plan
        .iter()
        .take(MAX_DESTINATIONS)
        .map(|destination| destined(deps, &stored, destination));
    let destinations = try_join_all(told).await?;
    let event = stored.event;
    Ok(Reply::json(
        200,
        &EventDetail {
            id: event.id.to_string(),
            event: event.event_type.to_string(),
            network_id: event.network.to_string(),
            timestamp: event.timestamp.to_string(),
            version: event.version,
            accepted_at: event.accepted.to_string(),
            data: event.data,
            expunged_at: stored.expunged.map(|at| at.to_string()),
            duplicates_dropped: stored.duplicates,
            destination_count: stored.plan.len(),
            destinations,
        },
    ))
}

async fn destined(
    deps: &Deps,
    stored: &StoredEvent,
    destination: &matching::Destination,
) -> Result<Destination, store::Error> {
    let delivery_id = destination.delivery(&stored.event);
    let network = &stored.event.network;
    let delivery = deps.store.delivery(network, delivery_id).await?;
    let delivery = delivery.as_ref();
    let receiver = match delivery {
        Some(delivery) if delivery.state.depends_on_receiver() => {
            let now = deps.platform.clock.now();
            let receiver = deps.store.receiver(network, destination.endpoint, now);
            receiver.await?
        }
        Some(_) | None => None,
    };
    let receiver = receiver.as_ref();
    let attempts = delivery.map_or(&[][..], |delivery| delivery.attempts.as_slice());
    let state = delivery.map(|delivery| delivery.state);
    Ok(Destination {
        endpoint_id: destination.endpoint.to_string(),
        status: DestinationStatus::of(state),
        explanation: delivery.map_or_else(
            || "the delivery is about to be recorded".to_owned(),
            |delivery| delivery.explain(receiver),
        ),
        delivery_id: delivery_id.to_string(),
        attempts: delivery.map_or(0, |delivery| delivery.made),
        next_attempt_at: state
            .and_then(|state| next_attempt(state, receiver))
            .map(|at| at.to_string()),
        last_attempt: attempts.last().map(AttemptSummary::of),
    })
}

use domain::delivery::State;
use domain::id::EventId;
use domain::matching::{self, Verdict};
use futures::future::try_join_all;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{Delivery, StoredEvent};

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
    let delivery = match delivery_id {
        Some(id) => deps.store.delivery(&stored.event.network, id).await?,
        None => None,
    };
    let (status, explanation) = explained(destination.verdict, delivery.as_ref());
    let attempts = delivery
        .as_ref()
        .map_or(&[][..], |delivery| delivery.attempts.as_slice());
    Ok(Destination {
        endpoint_id: destination.endpoint.to_string(),
        status,
        explanation,
        delivery_id: delivery_id.map(|id| id.to_string()),
        attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
        next_attempt_at: match delivery.as_ref().map(|delivery| delivery.state) {
            Some(State::Pending { next_attempt }) => next_attempt.map(|at| at.to_string()),
            Some(State::Delivered | State::Dead) | None => None,
        },
        last_attempt: attempts.last().map(AttemptSummary::of),
    })
}

fn explained(verdict: Verdict, delivery: Option<&Delivery>) -> (DestinationStatus, String) {
    let last = delivery.and_then(|delivery| delivery.attempts.last());
    let last = last.map_or("it has not been tried yet", |attempt| {
        attempt.explanation.as_str()
    });
    match (verdict, delivery.map(|delivery| delivery.state)) {
        (Verdict::Disabled, _) => (
            DestinationStatus::Skipped,
            "the endpoint was disabled when the event was accepted".to_owned(),
        ),
        (Verdict::Deliver, None) => (
            DestinationStatus::Pending,
            "the delivery is about to be queued".to_owned(),
        ),
        (Verdict::Deliver, Some(State::Pending { .. })) => {
            (DestinationStatus::Pending, last.to_owned())
        }
        (Verdict::Deliver, Some(State::Delivered)) => {
            (DestinationStatus::Delivered, last.to_owned())
        }
        (Verdict::Deliver, Some(State::Dead)) => (
            DestinationStatus::Dead,
            format!("given up after the last attempt: {last}"),
        ),
    }
}

//! Forgetting what an event said.

use domain::id::EventId;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http_api::{Call, Failure, Problem, ProblemBody, Reply};

use crate::Deps;

/// Deliveries expunged at the same time.
const IN_FLIGHT: usize = 32;

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/events/{id}/payload",
    operation_id = "expungePayload",
    tag = "Events",
    summary = "Forget the payload of an event",
    description = "Its data and what receivers answered to it are deleted for good; the record stays and says when. Deliveries not yet made become dead. A message already handed to a sender may still arrive. A repeat changes nothing.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The event's id")),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The payload is forgotten, but attempts kept coming in between, and some of what receivers answered may be left; repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `expunge`")]
pub(crate) fn expunge_doc() {}

pub(crate) async fn expunge(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    const NOT_FOUND: Problem = Problem::NotFound { what: "event" };
    call.only_queries(&[])?;
    let network = call.network()?;
    let id = EventId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let now = deps.platform.clock.now();
    // The payload first: from here on no attempt can read it.
    let deliveries = deps.store.expunge_event(&network, &id, now).await?;
    let deliveries = deliveries.ok_or(NOT_FOUND)?;
    let expunged: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| deps.store.expunge_delivery(&network, delivery, now))
        .collect();
    stream::iter(expunged)
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<()>()
        .await?;
    Ok(Reply::no_content())
}

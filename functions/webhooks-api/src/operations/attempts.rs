use domain::id::DeliveryId;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};

use crate::Deps;
use crate::shape::AttemptBody;

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/deliveries/{id}/attempts/{number}",
    operation_id = "getAttempt",
    tag = "Deliveries",
    summary = "One attempt with the whole answer, up to 16 KiB",
    description = "Of an attempt that succeeded, the whole answer is kept where its endpoint says `keepResponses: all`; else its start.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The delivery's id"),
        ("number" = u32, Path, description = "From 1"),
    ),
    responses(
        (status = 200, description = "The attempt", body = AttemptBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    const NOT_FOUND: Problem = Problem::NotFound { what: "attempt" };
    const DROPPED: Problem = Problem::NotFound {
        what: "attempt any more: it was made, and of a delivery that was replayed often only the latest forty are kept",
    };
    call.only_queries(&[])?;
    let network = call.network()?;
    let id = DeliveryId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let number: u32 = call.parameter("number").parse().map_err(|_| NOT_FOUND)?;
    let delivery = deps.store.delivery(&network, id).await?.ok_or(NOT_FOUND)?;
    let attempt = delivery.attempts.iter().find(|a| a.number == number);
    let attempt = attempt.ok_or_else(|| {
        let first_kept = delivery.attempts.first().map(|first| first.number);
        if number > 0 && first_kept.is_some_and(|first| number < first) {
            DROPPED
        } else {
            NOT_FOUND
        }
    })?;
    let body = AttemptBody::of(attempt);
    let whole = match delivery.expunged {
        Some(_) => None,
        None => deps.store.response(&network, id, number).await?,
    };
    let body = match whole {
        Some(whole) => body.with(&whole),
        None => body,
    };
    Ok(Reply::json(200, &body))
}

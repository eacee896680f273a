use domain::id::{DeliveryId, EndpointId};
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::StateFilter;

use super::page::{cursor, invalid, limit};
use crate::Deps;
use crate::shape::{DeliveryBody, DeliveryPageBody};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/webhooks/{id}/deliveries",
    operation_id = "listDeliveries",
    tag = "Deliveries",
    summary = "Deliveries of an endpoint, newest first, with their attempts",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("status" = Option<String>, Query, description = "`pending`, `delivered` or `dead`; all if absent"),
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = DeliveryPageBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["status", "limit", "cursor"])?;
    let network = call.network()?;
    let endpoint =
        EndpointId::parse(call.parameter("id")).ok_or(Problem::NotFound { what: "endpoint" })?;
    let (filter, limit, before) = (
        filter(&call)?,
        limit(&call)?,
        cursor(&call, DeliveryId::parse)?,
    );
    let page = deps
        .store
        .list_deliveries(&network, endpoint, filter, before, limit)
        .await?;
    // The deliveries of a deleted endpoint stay visible; one that never was gets a 404.
    if page.deliveries.is_empty()
        && page.next.is_none()
        && deps.store.endpoint(&network, endpoint).await?.is_none()
    {
        return Err(Problem::NotFound { what: "endpoint" }.into());
    }
    let items = page.deliveries.iter().map(DeliveryBody::of).collect();
    Ok(Reply::json(
        200,
        &DeliveryPageBody {
            items,
            next_cursor: page.next.map(|id| id.to_string()),
        },
    ))
}

fn filter(call: &Call) -> Result<StateFilter, Problem> {
    match call.query("status") {
        None => Ok(StateFilter::Any),
        Some("pending") => Ok(StateFilter::Pending),
        Some("delivered") => Ok(StateFilter::Delivered),
        Some("dead") => Ok(StateFilter::Dead),
        Some(_) => Err(invalid("status", "must be pending, delivered or dead")),
    }
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/deliveries/{id}",
    operation_id = "getDelivery",
    tag = "Deliveries",
    summary = "One delivery with its attempts",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    const NOT_FOUND: Problem = Problem::NotFound { what: "delivery" };
    call.only_queries(&[])?;
    let id = DeliveryId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let delivery = deps
        .store
        .delivery(&call.network()?, id)
        .await?
        .ok_or(NOT_FOUND)?;
    Ok(Reply::json(200, &DeliveryBody::of(&delivery)))
}

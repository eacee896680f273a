use domain::delivery::State;
use domain::endpoint::Endpoint;
use domain::id::EndpointId;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use serde_json::json;
use store::DeliveryFilter;

use super::material::remove_keys;
use super::news;
use crate::Deps;
use crate::shape::{EndpointBody, EndpointPage};
use http_api::page::{self, cursor, limit};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/webhooks",
    operation_id = "listEndpoints",
    tag = "Webhooks",
    summary = "List endpoints, oldest first",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = EndpointPage),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["limit", "cursor"])?;
    let (limit, after) = (limit(&call)?, cursor(&call, EndpointId::parse)?);
    let endpoints = deps.store.list_endpoints(&call.network()?).await?;
    let mut rest = endpoints
        .iter()
        .filter(|endpoint| after.is_none_or(|after| endpoint.id > after));
    let items: Vec<_> = rest.by_ref().take(limit).map(EndpointBody::of).collect();
    let more = rest.next().is_some();
    let next_cursor = items.last().filter(|_| more);
    let next_cursor = next_cursor.map(|last| page::next_cursor(&call, &last.id));
    Ok(Reply::json(200, &EndpointPage { items, next_cursor }))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/webhooks/{id}",
    operation_id = "getEndpoint",
    tag = "Webhooks",
    summary = "One endpoint, how it is doing, and what is owed to it",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, description = "The endpoint; its ETag is for If-Match", body = EndpointBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let endpoint = find(deps, &call).await?;
    let known = deps.store.health(&endpoint.network, endpoint.id).await?;
    let owed = DeliveryFilter {
        states: vec![State::Pending { next_attempt: None }, State::Parked],
        ..DeliveryFilter::default()
    };
    let counted = deps
        .store
        .count_deliveries(&endpoint.network, endpoint.id, &owed)
        .await?;
    let body = EndpointBody::of(&endpoint)
        .with_health(&known.health.as_of(deps.platform.clock.now()))
        .with_waiting(&counted);
    Ok(Reply::json(200, &body).header("etag", &etag(&endpoint)))
}

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/webhooks/{id}",
    operation_id = "deleteEndpoint",
    tag = "Webhooks",
    summary = "Delete an endpoint and its secret",
    description = "Deliveries not yet made are given up: retries and replays at once, first tries of events that came before within five seconds; past ones stay listed until their retention ends. Its keys and sensitive header values are removed at once, or within a day when Secrets Manager does not answer.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "Delete only this version"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `delete`")]
pub(crate) fn delete_doc() {}

pub(crate) async fn delete(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let endpoint = find(deps, &call).await?;
    check_version(&call, &endpoint)?;
    let rules = deps.store.network(&endpoint.network).await?.rules;
    let now = deps.platform.clock.now();
    // The endpoint first: from here on nothing is signed for it, even if what follows fails.
    let deleted = deps
        .store
        .delete_endpoint(&endpoint, rules.retention, now)
        .await?;
    if !deleted {
        return Err(Problem::PreconditionFailed.into());
    }
    news::report(deps, "endpoint.deleted", &endpoint, &json!({})).await;
    remove_keys(deps, &endpoint).await;
    Ok(Reply::no_content())
}

const NOT_FOUND: Problem = Problem::NotFound { what: "endpoint" };

/// The endpoint named in the path.
pub(crate) async fn find(deps: &Deps, call: &Call) -> Result<Endpoint, Failure> {
    let id = EndpointId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let found = deps.store.endpoint(&call.network()?, id).await?;
    Ok(found.ok_or(NOT_FOUND)?)
}

pub(crate) fn shown(endpoint: &Endpoint) -> Reply {
    Reply::json(200, &EndpointBody::of(endpoint)).header("etag", &etag(endpoint))
}

pub(crate) fn etag(endpoint: &Endpoint) -> String {
    http_api::etag(endpoint.version)
}

pub(crate) fn check_version(call: &Call, endpoint: &Endpoint) -> Result<(), Problem> {
    call.if_match(endpoint.version)
}

/// Writes a new version of an endpoint that was enabled or not before it. `false` when someone else
/// changed or deleted it first.
pub(super) async fn write(
    deps: &Deps,
    was_enabled: bool,
    changed: &Endpoint,
) -> Result<bool, store::Error> {
    if changed.is_enabled() && !was_enabled {
        deps.store.enable_endpoint(changed).await
    } else {
        deps.store.update_endpoint(changed).await
    }
}

/// How often the endpoint's record is written anew when others change it at the same time.
pub(super) const MAX_ROUNDS: u32 = 5;

/// Writes a change that can be built on any version of the endpoint, or on the one that the caller
/// named.
pub(crate) async fn rewrite(
    deps: &Deps,
    call: &Call,
    first: Endpoint,
    change: impl Fn(Endpoint) -> Endpoint,
) -> Result<Endpoint, Failure> {
    let mut seen = first;
    for _ in 0..MAX_ROUNDS {
        let (version, was_enabled) = (seen.version.saturating_add(1), seen.is_enabled());
        let changed = Endpoint {
            version,
            updated: deps.platform.clock.now(),
            ..change(seen)
        };
        if write(deps, was_enabled, &changed).await? {
            return Ok(changed);
        }
        seen = find(deps, call).await?;
        check_version(call, &seen)?;
    }
    Err(Problem::Contended.into())
}

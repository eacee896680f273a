use domain::endpoint::Endpoint;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};

use super::create::MAX_BODY;
use super::endpoints::{check_version, find, shown};
use super::fields::Fields;
use crate::Deps;
use crate::shape::{EndpointBody, UpdateEndpoint};

#[utoipa::path(
    patch,
    path = "/v1/networks/{network}/webhooks/{id}",
    operation_id = "updateEndpoint",
    tag = "Webhooks",
    summary = "Change an endpoint",
    description = "Deliveries already owed go to the new URL.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "Change only this version"),
    ),
    request_body = UpdateEndpoint,
    responses(
        (status = 200, description = "The changed endpoint", body = EndpointBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `update`")]
pub(crate) fn update_doc() {}

pub(crate) async fn update(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: UpdateEndpoint = parse_json(&body)?;
    let endpoint = find(deps, &call).await?;
    check_version(&call, &endpoint)?;
    let changed = changed(deps, endpoint, request)?;
    if !deps.store.update_endpoint(&changed).await? {
        return Err(Problem::PreconditionFailed.into());
    }
    Ok(shown(&changed))
}

fn changed(deps: &Deps, before: Endpoint, request: UpdateEndpoint) -> Result<Endpoint, Problem> {
    let mut fields = Fields::default();
    let after = Endpoint {
        url: request
            .url
            .map_or(before.url, |url| fields.url(&url, deps.policy)),
        description: request
            .description
            .map_or(before.description, |text| fields.description(text)),
        event_types: request
            .event_types
            .map_or(before.event_types, |types| fields.event_types(&types)),
        enabled: request.enabled.unwrap_or(before.enabled),
        version: before.version.saturating_add(1),
        updated: deps.platform.clock.now(),
        ..before
    };
    fields.check()?;
    Ok(after)
}

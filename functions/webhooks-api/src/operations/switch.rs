//! Switching an endpoint off and on.

use domain::endpoint::{Disabled, Endpoint};
use domain::operational::News;
use http_api::{Call, Failure, ProblemBody, Reply, parse_json_or_default};
use serde_json::json;

use super::create::MAX_BODY;
use super::endpoints::{check_version, etag, find, rewrite, shown};
use super::fields::Fields;
use super::news;
use super::replays::resume;
use crate::Deps;
use crate::shape::{DisableEndpoint, EnableEndpoint, EnabledEndpoint, EndpointBody, ReplayBody};

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/disable",
    operation_id = "disableEndpoint",
    tag = "Webhooks",
    summary = "Send nothing to an endpoint for now",
    description = "What is owed to it is kept: deliveries are parked instead of attempted, new events included; retries and replays at once, first tries of events that came before within five seconds. What is parked is forgotten with its network's retention, after ten days at the soonest: at its `expiresAt`. One that is disabled already keeps its reason.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "Disable only this version"),
    ),
    request_body(content = DisableEndpoint, description = "May be left out"),
    responses(
        (status = 200, description = "The endpoint", body = EndpointBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `disable`")]
pub(crate) fn disable_doc() {}

pub(crate) async fn disable(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let request: DisableEndpoint = parse_json_or_default(&call.body(MAX_BODY)?)?;
    let mut fields = Fields::default();
    let reason = fields.reason(request.reason);
    fields.check()?;
    let endpoint = find(deps, &call).await?;
    check_version(&call, &endpoint)?;
    if !endpoint.is_enabled() {
        return Ok(shown(&endpoint));
    }
    let at = deps.platform.clock.now();
    let why = Disabled { reason, at };
    let changed = rewrite(deps, &call, endpoint, |endpoint| Endpoint {
        disabled: endpoint.disabled.or_else(|| Some(why.clone())),
        ..endpoint
    });
    let changed = changed.await?;
    news::tell(deps, &changed, News::disabled(&changed, &why.reason, at)).await;
    Ok(shown(&changed))
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/enable",
    operation_id = "enableEndpoint",
    tag = "Webhooks",
    summary = "Send to an endpoint again",
    description = "Its health is forgotten, so it starts as a healthy one. Unless `resume` is false, a replay job sends what was parked; asking again starts another, which finds what is left.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "Enable only this version"),
    ),
    request_body(content = EnableEndpoint, description = "May be left out"),
    responses(
        (status = 200, description = "The endpoint, and the job that resumes it", body = EnabledEndpoint),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `enable`")]
pub(crate) fn enable_doc() {}

pub(crate) async fn enable(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let request: EnableEndpoint = parse_json_or_default(&call.body(MAX_BODY)?)?;
    let endpoint = find(deps, &call).await?;
    check_version(&call, &endpoint)?;
    let enabled = if endpoint.is_enabled() {
        endpoint
    } else {
        let changed = rewrite(deps, &call, endpoint, |endpoint| Endpoint {
            disabled: None,
            ..endpoint
        });
        let changed = changed.await?;
        news::report(deps, "endpoint.enabled", &changed, &json!({})).await;
        changed
    };
    // After the endpoint is enabled, so that whoever parks a delivery too late sees that.
    let resumes = match request.resume {
        Some(false) => None,
        Some(true) | None => Some(resume(deps, &enabled).await?),
    };
    let body = EnabledEndpoint {
        endpoint: EndpointBody::of(&enabled),
        resumes: resumes.as_ref().map(ReplayBody::of),
    };
    Ok(Reply::json(200, &body).header("etag", &etag(&enabled)))
}

use domain::address::AddressPolicy;
use domain::endpoint::{Disabled, Endpoint, Limits, disabled};
use domain::header::HeaderValue;
use domain::operational::News;
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use serde_json::json;
use vault::{Edit, Headers};

use super::create::MAX_BODY;
use super::endpoints::{check_version, find, shown};
use super::fields::Fields;
use super::headers::choose;
use super::material::{edit, name, outdated};
use super::news;
use super::replays::resume;
use crate::Deps;
use crate::shape::{EndpointBody, UpdateEndpoint, all_types};

#[utoipa::path(
    patch,
    path = "/v1/networks/{network}/webhooks/{id}",
    operation_id = "updateEndpoint",
    tag = "Webhooks",
    summary = "Change an endpoint",
    description = "Deliveries already owed go to the new URL: retries and replays at once, first tries of events that came before within five seconds. One at another scheme, host or port takes no sensitive header value along: give the values again in the same request, or leave the headers out. Setting `enabled` to true resumes what was parked, as `POST …/enable` does. The way of signing is changed by a rotation.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "Change only this version"),
    ),
    request_body = UpdateEndpoint,
    responses(
        (status = 200, description = "The changed endpoint", body = EndpointBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
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
    let now = deps.platform.clock.now();
    let kept = kept(deps, &endpoint, &request, now).await?;
    let (was_enabled, before) = (endpoint.is_enabled(), endpoint.secret);
    let enable = request.enabled == Some(true);
    let (mut changed, sensitive) = changed(deps, endpoint, request, &kept, now)?;
    if let Some(sensitive) = sensitive.filter(|sensitive| *sensitive != kept) {
        let made = edit(deps, &changed, &Edit::Headers(&sensitive)).await?;
        changed.secret = made.ok_or(Problem::PreconditionFailed)?;
    }
    if !name(deps, was_enabled, before, &changed).await? {
        return Err(Problem::PreconditionFailed.into());
    }
    news::report(deps, "endpoint.updated", &changed, &json!({})).await;
    if let Some(why) = changed.disabled.as_ref().filter(|_| was_enabled) {
        let disabled = News::disabled(&changed, &why.reason, why.at);
        news::tell(deps, &changed, disabled).await;
    }
    if enable && !was_enabled {
        news::report(deps, "endpoint.enabled", &changed, &json!({})).await;
    }
    if enable {
        // Also of one that was enabled: by this request, perhaps, when it was made before and what is
        // parked could not be resumed.
        resume(deps, &changed).await?;
    }
    Ok(shown(&changed))
}

/// The sensitive values there are, when the request is about headers.
async fn kept(
    deps: &Deps,
    endpoint: &Endpoint,
    request: &UpdateEndpoint,
    now: Timestamp,
) -> Result<Headers, Failure> {
    if request.headers.is_none() {
        return Ok(Headers::new());
    }
    let (network, at) = (&endpoint.network, endpoint.secret);
    match deps.vault.material(network, at, endpoint.id, now).await {
        Ok(material) => Ok(material.headers().clone()),
        Err(error) => {
            outdated(deps, endpoint, error).await?;
            Err(Problem::PreconditionFailed.into())
        }
    }
}

/// The endpoint with its changes, and the sensitive values if headers were among them.
fn changed(
    deps: &Deps,
    before: Endpoint,
    request: UpdateEndpoint,
    kept: &Headers,
    now: Timestamp,
) -> Result<(Endpoint, Option<Headers>), Problem> {
    let mut fields = Fields::default();
    let url = request
        .url
        .as_ref()
        .map(|url| fields.url(url, deps.policy, &deps.own_names));
    let url = url.unwrap_or_else(|| before.url.clone());
    if would_send_elsewhere(&before, &url, &request, deps.policy) {
        fields.broken("headers", "values_required", ELSEWHERE);
    }
    let chosen = request
        .headers
        .map(|headers| choose(&mut fields, &headers.unwrap_or_default(), kept));
    let (headers, sensitive) = match chosen {
        None => (before.headers, None),
        Some(chosen) => (chosen.headers, Some(chosen.sensitive)),
    };
    let after = Endpoint {
        url,
        description: request.description.map_or(before.description, |text| {
            fields.description(text.unwrap_or_default())
        }),
        event_types: request.event_types.map_or(before.event_types, |types| {
            fields.event_types(&types.unwrap_or_else(all_types))
        }),
        filter: request
            .filter
            .map_or(before.filter, |filter| fields.filter(filter.as_deref())),
        format: request
            .format
            .map_or(before.format, |word| fields.format(word.as_deref())),
        headers,
        timeout: request
            .timeout_seconds
            .map_or(before.timeout, |seconds| fields.timeout(seconds)),
        schedule: request
            .retry_schedule
            .map_or(before.schedule, |list| fields.schedule(list.as_deref())),
        limits: Limits {
            max_in_flight: request
                .max_in_flight
                .map_or(before.limits.max_in_flight, |n| fields.max_in_flight(n)),
            rate_per_second: request
                .rate_per_second
                .map_or(before.limits.rate_per_second, |n| fields.rate(n)),
        },
        keep_responses: request
            .keep_responses
            .map_or(before.keep_responses, |word| {
                fields.keep_responses(word.as_deref())
            }),
        disabled: switched(before.disabled, request.enabled, now),
        version: before.version.saturating_add(1),
        updated: now,
        ..before
    }
    .going_on_from(before.limits, before.rate_since);
    fields.check()?;
    Ok((after, sensitive))
}

const ELSEWHERE: &str = "must be given with the values of all sensitive headers, because the new url is at another scheme, host or port: a value that nobody can read again goes nowhere but where it was meant for. Leave out the headers that the new receiver does not need";

/// Whether sensitive values that the request does not give would go to another origin than the one
/// they were given for. Who may change a URL must not learn them by that.
fn would_send_elsewhere(
    before: &Endpoint,
    url: &str,
    request: &UpdateEndpoint,
    policy: AddressPolicy,
) -> bool {
    let keeps = match &request.headers {
        None => before
            .headers
            .iter()
            .any(|header| header.value == HeaderValue::Sensitive),
        Some(headers) => headers
            .iter()
            .flatten()
            .any(|header| header.sensitive && header.value.is_none()),
    };
    let origin = |url: &str| {
        let url = WebhookUrl::parse(url, policy).ok()?;
        Some((url.is_tls(), url.host().to_owned(), url.port()))
    };
    let after = origin(url);
    // One that is no URL is refused for that.
    keeps && after.is_some() && after != origin(&before.url)
}

fn switched(before: Option<Disabled>, enabled: Option<bool>, now: Timestamp) -> Option<Disabled> {
    match enabled {
        None => before,
        Some(true) => None,
        // One that is disabled already keeps its reason.
        Some(false) => before.or_else(|| {
            Some(Disabled {
                reason: disabled::BY_REQUEST.to_owned(),
                at: now,
            })
        }),
    }
}

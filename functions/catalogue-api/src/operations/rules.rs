use domain::field::FieldError;
use domain::network::{Retention, Rules};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, etag, parse_json};

use crate::Deps;
use crate::shape::SettingsBody;

/// Largest request.
const MAX_BODY: usize = 4 * 1024;

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/settings",
    operation_id = "getSettings",
    tag = "Settings",
    summary = "How long things are kept, and whether events are checked",
    params(("network" = String, Path, description = "The network (tenant)")),
    responses(
        (status = 200, description = "The settings; their ETag is for If-Match", body = SettingsBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let state = deps.store.network(&call.network()?).await?;
    Ok(shown(&state.rules))
}

#[utoipa::path(
    put,
    path = "/v1/networks/{network}/settings",
    operation_id = "putSettings",
    tag = "Settings",
    summary = "Change how long things are kept, and whether events are checked",
    description = "What is left out goes back to its default. Fanfare notices within five seconds. What is stored already keeps the end that it was given.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("If-Match" = Option<String>, Header, description = "Change only this version"),
    ),
    request_body = SettingsBody,
    responses(
        (status = 200, description = "The settings as they are now", body = SettingsBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `put`")]
pub(crate) fn put_doc() {}

pub(crate) async fn put(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    let (retention, strict) = checked(&parse_json(&body)?)?;
    let before = deps.store.network(&network).await?.rules;
    call.if_match(before.version)?;
    let next = Rules {
        retention,
        strict,
        version: before.version.saturating_add(1),
        ..before
    };
    if !deps.store.put_rules(&network, next).await? {
        return Err(Problem::PreconditionFailed.into());
    }
    Ok(shown(&next))
}

fn checked(request: &SettingsBody) -> Result<(Retention, bool), Problem> {
    let mut errors = Vec::new();
    let retention = Retention::from_days(request.retention_days);
    if retention.is_none() {
        errors.push(FieldError::new("retentionDays", "range", Retention::RULE));
    }
    let strict = match request.strict.as_str() {
        "on" => true,
        "off" => false,
        _ => {
            errors.push(FieldError::new("strict", "format", "must be on or off"));
            false
        }
    };
    match retention {
        Some(retention) if errors.is_empty() => Ok((retention, strict)),
        Some(_) | None => Err(Problem::InvalidFields(errors)),
    }
}

fn shown(rules: &Rules) -> Reply {
    Reply::json(200, &SettingsBody::of(rules)).header("etag", &etag(rules.version))
}

use domain::id::NetworkId;
use domain::push::settings::Draft;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use store::SettingsVersion;

use super::settings::{Change, shown, stored};
use crate::Deps;
use crate::shape::{RollBack, SettingsBody, VersionBody, VersionList};

const MAX_BODY: usize = 1024;

const NOT_FOUND: Problem = Problem::NotFound {
    what: "version of push settings",
};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/push-settings/versions",
    operation_id = "listPushSettingsVersions",
    tag = "Push settings",
    summary = "The versions of the settings",
    params(("network" = String, Path, description = "The network (tenant)")),
    responses(
        (status = 200, description = "Newest first; the last 100 are kept", body = VersionList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let versions = deps.store.push_settings_versions(&call.network()?).await?;
    let items = versions.iter().map(VersionBody::of).collect();
    Ok(Reply::json(200, &VersionList { items }))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/push-settings/versions/{version}",
    operation_id = "getPushSettingsVersion",
    tag = "Push settings",
    summary = "The settings as they were",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("version" = u64, Path, description = "Which version; 0 is how Fanfare has it"),
    ),
    responses(
        (status = 200, description = "The whole version", body = SettingsBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let version = call.parameter("version").parse().map_err(|_| NOT_FOUND)?;
    let found = find(deps, &call.network()?, version).await?;
    let settings = stored(&found)?;
    Ok(shown(&found, &settings))
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/push-settings/rollback",
    operation_id = "rollBackPushSettings",
    tag = "Push settings",
    summary = "Bring an earlier version back",
    description = "Makes a new version with the events, modules and throttle of an earlier one. The master toggle stays as it is.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("If-Match" = Option<String>, Header, description = "Change only this version"),
    ),
    request_body = RollBack,
    responses(
        (status = 200, description = "The settings as they are now", body = SettingsBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `roll_back`")]
pub(crate) fn roll_back_doc() {}

pub(crate) async fn roll_back(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    let RollBack { version } = parse_json(&body)?;
    let current = deps.store.push_settings(&network).await?;
    call.if_match(current.version)?;
    let earlier = find(deps, &network, version).await?;
    let change = Change {
        draft: Draft {
            // Bringing back a text must not start or stop pushes.
            enabled: current.draft.enabled,
            ..earlier.draft
        },
        errors: Vec::new(),
        repeats: Some(version),
    };
    change.make(deps, &call, &network, current).await
}

async fn find(deps: &Deps, network: &NetworkId, version: u64) -> Result<SettingsVersion, Failure> {
    if version == 0 {
        return Ok(SettingsVersion {
            version,
            at: Timestamp::EPOCH,
            repeats: None,
            draft: Draft::default(),
        });
    }
    let found = deps.store.push_settings_at(network, version).await?;
    Ok(found.ok_or(NOT_FOUND)?)
}

use domain::api_key::Permission;
use domain::field::FieldError;
use domain::id::NetworkId;
use domain::push::settings::{Draft, Settings};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, etag, parse_json};
use store::SettingsVersion;
use telemetry::event::PushSettingsChanged;

use super::draft::draft;
use crate::Deps;
use crate::shape::{PutPushSettings, SettingsBody};

/// Largest request: a version must fit a record of 400 KB however little its texts compress.
const MAX_BODY: usize = 256 * 1024;

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/push-settings",
    operation_id = "getPushSettings",
    tag = "Push settings",
    summary = "The master toggle and all notifiable events",
    params(("network" = String, Path, description = "The network (tenant)")),
    responses(
        (status = 200, description = "The settings in force; the ETag is their version", body = SettingsBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let current = deps.store.push_settings(&call.network()?).await?;
    let settings = stored(&current)?;
    Ok(shown(&current, &settings))
}

#[utoipa::path(
    put,
    path = "/v1/networks/{network}/push-settings",
    operation_id = "putPushSettings",
    tag = "Push settings",
    summary = "Decide about a network's pushes",
    description = "Replaces the settings and makes a version. Every text is parsed. The same again makes no version.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("If-Match" = Option<String>, Header, description = "Change only this version"),
    ),
    request_body = PutPushSettings,
    responses(
        (status = 200, description = "The settings as they are now, with what should be thought about again", body = SettingsBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `put`")]
pub(crate) fn put_doc() {}

pub(crate) async fn put(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    let request: PutPushSettings = parse_json(&body)?;
    let current = deps.store.push_settings(&network).await?;
    call.if_match(current.version)?;
    let (draft, errors) = draft(request, current.draft.enabled);
    let change = Change {
        draft,
        errors,
        repeats: None,
    };
    change.make(deps, &call, &network, current).await
}

/// A draft on its way to be the settings in force.
pub(super) struct Change {
    pub(super) draft: Draft,
    /// Rules that the request broke before it was a draft.
    pub(super) errors: Vec<FieldError>,
    pub(super) repeats: Option<u64>,
}

impl Change {
    pub(super) async fn make(
        self,
        deps: &Deps,
        call: &Call,
        network: &NetworkId,
        current: SettingsVersion,
    ) -> Result<Reply, Failure> {
        let settings = match self.draft.check() {
            Ok(settings) if self.errors.is_empty() => settings,
            Ok(_) => return Err(Problem::InvalidFields(self.errors).into()),
            Err(more) => {
                let errors = self.errors.into_iter().chain(more).collect();
                return Err(Problem::InvalidFields(errors).into());
            }
        };
        let flips = settings.enabled != current.draft.enabled.unwrap_or(true);
        if flips && !call.allows(Permission::SwitchPush) {
            return Err(Problem::NotPermitted.into());
        }
        let draft = self.draft.terse();
        if draft == current.draft {
            return Ok(shown(&current, &settings));
        }
        let now = deps.platform.clock.now();
        let next = SettingsVersion {
            version: current.version.saturating_add(1),
            at: now,
            repeats: self.repeats,
            draft,
        };
        if !deps.store.put_push_settings(network, &next).await? {
            return Err(Problem::PreconditionFailed.into());
        }
        let changed = PushSettingsChanged {
            network: network.to_string(),
            version: next.version,
            enabled: settings.enabled,
            repeats: next.repeats,
        };
        deps.platform.telemetry.emit(&changed, now.millis());
        Ok(shown(&next, &settings))
    }
}

pub(super) fn shown(stored: &SettingsVersion, settings: &Settings) -> Reply {
    Reply::json(200, &SettingsBody::of(stored, settings)).header("etag", &etag(stored.version))
}

/// Settings that were checked when they were saved. If a later Fanfare is stricter, that is an
/// operator's matter, not the caller's.
pub(super) fn stored(version: &SettingsVersion) -> Result<Settings, Failure> {
    version.draft.check().map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let version = version.version;
        Failure::Internal(format!(
            "version {version} of push settings: {}",
            errors.join("; ")
        ))
    })
}

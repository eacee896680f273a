//! Settings as they are shown.

use std::collections::BTreeMap;

use domain::push::event::{EVENTS, Module, NotifiableEvent};
use domain::push::settings::{EventSettings, Key, Settings, Texts};
use domain::push::template::Template;
use domain::time::Timestamp;
use serde::Serialize;
use store::SettingsVersion;
use utoipa::ToSchema;

use super::{LocKey, PushTexts, Throttle};

/// Everything that is decided about a network's pushes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PushSettings)]
pub(crate) struct SettingsBody {
    #[serde(flatten)]
    version: VersionBody,
    /// Modules by name.
    #[schema(example = json!({ "chat": true, "social": true, "video-streaming": true }))]
    modules: BTreeMap<&'static str, bool>,
    throttle: Throttle,
    coverage: Coverage,
    /// All notifiable events, in the order of the console.
    events: Vec<EventBody>,
    /// What is allowed and should be thought about again.
    warnings: Vec<WarningBody>,
}

/// One version of the settings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PushSettingsVersion)]
pub(crate) struct VersionBody {
    /// Also the `ETag`; 0 is how Fanfare has it.
    version: u64,
    /// Absent for version 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, format = DateTime)]
    updated_at: Option<String>,
    /// The version that a rollback brought back with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    repeats: Option<u64>,
    /// The master toggle.
    enabled: bool,
}

/// Versions, newest first; at most 100.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PushSettingsVersionList)]
pub(crate) struct VersionList {
    pub(crate) items: Vec<VersionBody>,
}

/// How many events are intended, and how many of those can be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PushCoverage)]
struct Coverage {
    intended: usize,
    enabled: usize,
}

/// A notifiable event and what is decided about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PushEvent)]
struct EventBody {
    name: &'static str,
    /// What users turn it off by: `chat`, `social` or `video-streaming`.
    module: &'static str,
    /// The console's heading.
    group: &'static str,
    /// What its texts may name, in braces.
    parameters: &'static [&'static str],
    enabled: bool,
    /// Whether it counts for the coverage.
    intended: bool,
    title_template: String,
    body_template: String,
    locales: BTreeMap<String, PushTexts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    title_loc_key: Option<LocKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    body_loc_key: Option<LocKey>,
    /// When not empty, only doings of people with one of these roles are told.
    listen_from_role_ids: Vec<String>,
    /// Doings of people with one of these roles are not told.
    ignore_from_role_ids: Vec<String>,
}

/// Something about a text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PushWarning)]
struct WarningBody {
    event: &'static str,
    /// Path of the field within the event, e.g. `locales.de.bodyTemplate`.
    field: String,
    message: String,
}

impl SettingsBody {
    pub(crate) fn of(stored: &SettingsVersion, settings: &Settings) -> Self {
        let modules = Module::ALL.into_iter();
        let modules =
            modules.map(|module| (module.word(), !settings.modules_off.contains(&module)));
        let (intended, enabled) = settings.coverage();
        let seconds = settings.throttle.per.as_secs();
        let events = EVENTS.iter().map(|event| (event, settings.event(event)));
        let events: Vec<_> = events.collect();
        let warnings = events
            .iter()
            .flat_map(|(event, decided)| warnings(event, decided));
        Self {
            version: VersionBody::of(stored),
            modules: modules.collect(),
            throttle: Throttle {
                pushes: settings.throttle.pushes,
                per_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            },
            coverage: Coverage { intended, enabled },
            warnings: warnings.collect(),
            events: events
                .into_iter()
                .map(|(event, decided)| EventBody::of(event, decided))
                .collect(),
        }
    }
}

impl VersionBody {
    pub(crate) fn of(stored: &SettingsVersion) -> Self {
        Self {
            version: stored.version,
            updated_at: (stored.at > Timestamp::EPOCH).then(|| stored.at.to_string()),
            repeats: stored.repeats,
            enabled: stored.draft.enabled.unwrap_or(true),
        }
    }
}

impl EventBody {
    fn of(event: &'static NotifiableEvent, decided: EventSettings) -> Self {
        let locales = decided.locales.iter();
        let locales = locales.map(|(tag, texts)| (tag.to_string(), texts_body(texts)));
        Self {
            name: event.name,
            module: event.module.word(),
            group: event.group.word(),
            parameters: event.parameters,
            enabled: decided.enabled,
            intended: decided.intended,
            title_template: decided.texts.title.as_str().to_owned(),
            body_template: decided.texts.body.as_str().to_owned(),
            locales: locales.collect(),
            title_loc_key: decided.title_key.map(loc_key),
            body_loc_key: decided.body_key.map(loc_key),
            listen_from_role_ids: decided.listen_from,
            ignore_from_role_ids: decided.ignore_from,
        }
    }
}

fn texts_body(texts: &Texts) -> PushTexts {
    PushTexts {
        title_template: texts.title.as_str().to_owned(),
        body_template: texts.body.as_str().to_owned(),
    }
}

fn loc_key(Key { key, args }: Key) -> LocKey {
    LocKey { key, args }
}

fn warnings(event: &NotifiableEvent, decided: &EventSettings) -> Vec<WarningBody> {
    let name = event.name;
    let own = [
        ("titleTemplate".to_owned(), &decided.texts.title),
        ("bodyTemplate".to_owned(), &decided.texts.body),
    ];
    let locales = decided.locales.iter().flat_map(|(tag, texts)| {
        [
            (format!("locales.{tag}.titleTemplate"), &texts.title),
            (format!("locales.{tag}.bodyTemplate"), &texts.body),
        ]
    });
    let all: Vec<(String, &Template)> = own.into_iter().chain(locales).collect();
    let told = all.into_iter().flat_map(|(field, template)| {
        let warnings = template.warnings().into_iter();
        warnings.map(move |warning| WarningBody {
            event: name,
            field: field.clone(),
            message: warning.to_string(),
        })
    });
    told.collect()
}

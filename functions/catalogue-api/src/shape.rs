//! The JSON of this API.

use domain::catalogue::{BuiltIn, OwnType};
use domain::network::{Retention, Rules};
use domain::operational::Described;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An event type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventType)]
pub(crate) struct EventTypeBody {
    #[schema(example = "message.didCreate")]
    pub(crate) name: String,
    /// Built-in types are the same for every network and cannot be changed.
    pub(crate) built_in: bool,
    /// Fanfare itself reports it and nobody else can; endpoints get it when they name it, not by `*`.
    pub(crate) operational: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// JSON Schema 2020-12 of the event's `data`.
    #[schema(value_type = Object)]
    pub(crate) schema: Box<RawValue>,
    /// `data` that the schema allows.
    #[schema(value_type = Object)]
    pub(crate) example: Box<RawValue>,
    /// Absent for built-in types, which change with Fanfare only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u64>,
    /// Strict networks refuse events of an archived type.
    pub(crate) archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
}

impl EventTypeBody {
    pub(crate) fn built_in(known: &BuiltIn) -> Self {
        Self {
            name: known.name.to_string(),
            built_in: true,
            operational: false,
            description: Some(known.description.to_owned()),
            schema: raw(known.schema().to_string()),
            example: raw(known.example().to_string()),
            version: None,
            archived: false,
            updated_at: None,
        }
    }

    pub(crate) fn operational(known: &Described) -> Self {
        Self {
            name: known.name.to_string(),
            built_in: true,
            operational: true,
            description: Some(known.description.to_owned()),
            schema: raw(known.schema.to_string()),
            example: raw(known.example.to_string()),
            version: None,
            archived: false,
            updated_at: None,
        }
    }

    pub(crate) fn own(own: &OwnType) -> Self {
        Self {
            name: own.name.to_string(),
            built_in: false,
            operational: false,
            description: own.description.clone(),
            schema: raw(own.schema.clone()),
            example: raw(own.example.clone()),
            version: Some(own.version),
            archived: own.archived,
            updated_at: Some(own.at.to_string()),
        }
    }
}

/// Both were parsed as JSON before they were stored, so this cannot fail.
fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap_or_default()
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTypePage {
    pub(crate) items: Vec<EventTypeBody>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// An event type as it was from one change to the next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventTypeVersion)]
pub(crate) struct VersionBody {
    pub(crate) version: u64,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    pub(crate) archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[schema(value_type = Object)]
    pub(crate) schema: Box<RawValue>,
    #[schema(value_type = Object)]
    pub(crate) example: Box<RawValue>,
}

impl VersionBody {
    pub(crate) fn of(own: &OwnType) -> Self {
        Self {
            version: own.version,
            at: own.at.to_string(),
            archived: own.archived,
            description: own.description.clone(),
            schema: raw(own.schema.clone()),
            example: raw(own.example.clone()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTypeVersions {
    /// Newest first; empty for built-in types.
    pub(crate) items: Vec<VersionBody>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// What an event type is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PutEventType {
    /// When it is reported, in words.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(crate) description: Option<String>,
    /// JSON Schema 2020-12 of the event's `data`, at most 32 KiB. `$ref` leads to a place in it
    /// (`#/$defs/…`) and never in a circle; patterns have no look-around and no back-references;
    /// `format` is not checked.
    #[schema(value_type = Object, example = json!({"type": "object", "required": ["orderId"], "properties": {"orderId": {"type": "string"}, "amount": {"type": "number", "minimum": 0}}}))]
    pub(crate) schema: Box<RawValue>,
    /// `data` that the schema allows, at most 16 KiB; test sends use it.
    #[schema(value_type = Object, example = json!({"orderId": "o-1001", "amount": 12.5}))]
    pub(crate) example: Box<RawValue>,
}

/// What a network decided about all its events.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Settings)]
pub(crate) struct SettingsBody {
    /// How long events, deliveries and answers are kept after an event was accepted; 30 if absent.
    #[serde(default = "default_days")]
    #[schema(minimum = 10, maximum = 365)]
    pub(crate) retention_days: u64,
    /// `on`: events of unknown or archived types, and events that break the schema of their type,
    /// are refused; straight from SQS, they are quarantined. `off` if absent.
    #[serde(default = "off")]
    #[schema(example = "off")]
    pub(crate) strict: String,
}

fn default_days() -> u64 {
    Retention::default().days().into()
}

fn off() -> String {
    "off".to_owned()
}

impl SettingsBody {
    pub(crate) fn of(rules: &Rules) -> Self {
        Self {
            retention_days: rules.retention.days().into(),
            strict: if rules.strict { "on" } else { "off" }.to_owned(),
        }
    }
}

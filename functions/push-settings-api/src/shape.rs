//! The JSON of this API.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

mod shown;

pub(crate) use shown::{SettingsBody, VersionBody, VersionList};

/// New settings. What is left out is as Fanfare has it, but for `enabled`, which then stays as it
/// is. An answer of getPushSettings may be sent back with changes: what only it says is not read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PutPushSettings {
    /// The master toggle: off, nothing is sent, not even what is queued. Only `super_admin` and `admin`
    /// may flip it.
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    /// Modules by name; one that is left out is on.
    #[serde(default)]
    #[schema(example = json!({ "chat": true, "social": true, "video-streaming": false }))]
    pub(crate) modules: BTreeMap<String, bool>,
    /// 10 in 60 seconds if left out.
    #[serde(default)]
    pub(crate) throttle: Option<Throttle>,
    /// Events that are to differ from what Fanfare has, each at most once.
    #[serde(default)]
    pub(crate) events: Vec<PutPushEvent>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    version: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    updated_at: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    repeats: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    coverage: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    warnings: Option<IgnoredAny>,
}

/// How many pushes of one event a person gets before the rest become one summary.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PushThrottle)]
pub(crate) struct Throttle {
    /// 0 throttles nothing.
    #[schema(maximum = 10000, example = 10)]
    pub(crate) pushes: u32,
    #[schema(minimum = 1, maximum = 86400, example = 60)]
    pub(crate) per_seconds: u32,
}

/// What is decided about one event; what is left out is as Fanfare has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PutPushEvent {
    #[schema(example = "post.created")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    #[serde(default)]
    pub(crate) intended: Option<bool>,
    #[serde(default)]
    #[schema(max_length = 1000, example = "{community}")]
    pub(crate) title_template: Option<String>,
    #[serde(default)]
    #[schema(min_length = 1, max_length = 5000, example = "{sender} wrote a post")]
    pub(crate) body_template: Option<String>,
    /// By language tag, e.g. `de` or `pt-BR`; at most 50.
    #[serde(default)]
    pub(crate) locales: BTreeMap<String, PushTexts>,
    #[serde(default)]
    pub(crate) title_loc_key: Option<LocKey>,
    #[serde(default)]
    pub(crate) body_loc_key: Option<LocKey>,
    #[serde(default)]
    #[schema(max_items = 10)]
    pub(crate) listen_from_role_ids: Vec<String>,
    #[serde(default)]
    #[schema(max_items = 10)]
    pub(crate) ignore_from_role_ids: Vec<String>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    module: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    group: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(read_only, value_type = Option<Value>)]
    #[expect(dead_code, reason = "said by answers, not read in requests")]
    parameters: Option<IgnoredAny>,
}

/// The texts of one language.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PushTexts {
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(crate) title_template: String,
    #[schema(min_length = 1, max_length = 5000)]
    pub(crate) body_template: String,
}

/// A key of the application's own strings, which the device expands: `title-loc-key` and `loc-key`
/// on iOS, `title_loc_key` and `body_loc_key` on Android.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PushLocKey)]
pub(crate) struct LocKey {
    #[schema(min_length = 1, max_length = 256, example = "NEW_POST")]
    pub(crate) key: String,
    /// Parameters whose values are handed over, in the order of the string's placeholders.
    #[serde(default)]
    pub(crate) args: Vec<String>,
}

/// Which version to bring back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RollBackPushSettings)]
pub(crate) struct RollBack {
    /// Of listPushSettingsVersions; 0 is how Fanfare has it.
    pub(crate) version: u64,
}

/// A push to look at: as in an event's `push`, for one device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PreviewPush)]
pub(crate) struct PreviewRequest {
    #[schema(example = "post.created")]
    pub(crate) event: String,
    #[schema(pattern = "^(ios|android)$", example = "ios")]
    pub(crate) platform: String,
    /// `apns` for iOS; `fcm` (if left out) or `baidu` for Android.
    #[serde(default)]
    #[schema(pattern = "^(apns|fcm|baidu)$")]
    pub(crate) provider: Option<String>,
    /// The device's language.
    #[serde(default)]
    #[schema(example = "de")]
    pub(crate) locale: Option<String>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, example = json!({ "sender": "Ann", "community": "Chess" }))]
    pub(crate) params: Map<String, Value>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) data: Map<String, Value>,
    #[serde(default)]
    pub(crate) badge: Option<u64>,
    #[serde(default)]
    pub(crate) sound: Option<String>,
    #[serde(default)]
    pub(crate) collapse_id: Option<String>,
    #[serde(default)]
    pub(crate) ttl_seconds: Option<u64>,
    #[serde(default)]
    #[schema(pattern = "^(high|normal)$")]
    pub(crate) priority: Option<String>,
    #[serde(default)]
    pub(crate) silent: bool,
}

/// What a device would be sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PushPreview)]
pub(crate) struct PreviewBody {
    pub(crate) provider: &'static str,
    /// Whose texts were taken: a language of the event's `locales`, or `default`.
    #[schema(example = "de")]
    pub(crate) texts: String,
    /// Exactly what the provider is posted: the payload for APNs, the request for FCM (with
    /// `DEVICE_TOKEN` for the device's token), `msg` for Baidu.
    #[schema(
        example = r#"{"aps":{"alert":{"title":"Chess","body":"Ann wrote a post"},"mutable-content":0}}"#
    )]
    pub(crate) payload: String,
    /// What counts against the provider's limit; for FCM, everything in `message` but the token.
    pub(crate) bytes: usize,
    /// Most bytes that the provider takes.
    pub(crate) limit: usize,
    /// Whether the body was cut to fit.
    pub(crate) trimmed: bool,
    /// What goes beside the payload: for APNs the `apns-…` headers that the push decides.
    pub(crate) headers: BTreeMap<String, String>,
    /// Placeholders of the texts for which `params` has no value; they leave nothing.
    pub(crate) missing_params: Vec<String>,
}

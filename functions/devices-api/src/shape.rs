//! The JSON of this API.

use std::collections::BTreeMap;

use domain::push::device::Device;
use domain::push::event::Module;
use domain::push::preference::{Mode, PlaceKind, PlacePreference, Preferences};
use http_api::ProblemFieldBody;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A device to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegisterDevice {
    /// Your name for this installation of the application; unique in the network.
    #[schema(example = "ios-4f1c", min_length = 1, max_length = 150)]
    pub(crate) device_id: String,
    #[schema(example = "ios", pattern = "^(ios|android)$")]
    pub(crate) platform: String,
    /// What the provider gave the application; for APNs its hexadecimal digits.
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) token: String,
    /// Whose device it is from now on.
    #[schema(example = "ann", min_length = 1, max_length = 256)]
    pub(crate) user_id: String,
    /// `apns` for iOS; `fcm` (if absent) or `baidu` for Android.
    #[serde(default)]
    #[schema(pattern = "^(apns|fcm|baidu)$")]
    pub(crate) provider: Option<String>,
    /// `production` if absent; `sandbox` for debug builds.
    #[serde(default)]
    #[schema(pattern = "^(production|sandbox)$")]
    pub(crate) environment: Option<String>,
    /// The language of the device, e.g. `de` or `pt-BR`; chooses among a template's languages.
    #[serde(default)]
    pub(crate) locale: Option<String>,
}

/// A device to register, as SDKs for social.plus tell of it. What else they send is not looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SdkDevice {
    #[schema(example = "ios-4f1c", min_length = 1, max_length = 150)]
    device_id: String,
    #[schema(example = "ios", pattern = "^(ios|android)$")]
    platform: String,
    /// What the provider gave the application; for APNs its hexadecimal digits.
    #[schema(min_length = 1, max_length = 1000)]
    token: String,
    #[schema(example = "ann", min_length = 1, max_length = 256)]
    user_id: String,
    /// For Android: `fcm` (if absent) or `baidu`.
    #[serde(default)]
    #[schema(pattern = "^(apns|fcm|baidu)$")]
    provider: Option<String>,
}

impl From<SdkDevice> for RegisterDevice {
    fn from(told: SdkDevice) -> Self {
        Self {
            device_id: told.device_id,
            platform: told.platform,
            token: told.token,
            user_id: told.user_id,
            provider: told.provider,
            environment: None,
            locale: None,
        }
    }
}

/// A device as registered. Its token is not shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Device)]
pub(crate) struct DeviceBody {
    pub(crate) device_id: String,
    pub(crate) platform: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) environment: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) locale: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) registered_at: String,
}

impl DeviceBody {
    pub(crate) fn of(device: &Device) -> Self {
        Self {
            device_id: device.id.to_string(),
            platform: device.slot.platform().word(),
            provider: device.slot.provider().word(),
            environment: device.slot.environment().word(),
            locale: device.locale.as_ref().map(ToString::to_string),
            registered_at: device.registered.to_string(),
        }
    }
}

/// The device, and what registering it did besides.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredDevice {
    #[serde(flatten)]
    pub(crate) device: DeviceBody,
    /// Whether another user had this device or its token and has it no longer.
    pub(crate) moved: bool,
    /// The user's oldest devices, dropped to make room for this one.
    pub(crate) dropped_device_ids: Vec<String>,
}

/// A user's devices, the one registered longest ago first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceList {
    pub(crate) items: Vec<DeviceBody>,
}

/// What a user decided about all pushes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserPushSettings)]
pub(crate) struct UserSettings {
    /// False: no pushes at all.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(crate) enabled: bool,
    /// Modules by name; one that is absent is on.
    #[serde(default)]
    #[schema(example = json!({ "chat": true, "social": false, "video-streaming": true }))]
    pub(crate) modules: BTreeMap<String, bool>,
}

impl UserSettings {
    pub(crate) fn of(preferences: &Preferences) -> Self {
        let module = |module: Module| {
            let on = !preferences.modules_off.contains(&module);
            (module.word().to_owned(), on)
        };
        Self {
            enabled: !preferences.off,
            modules: Module::ALL.into_iter().map(module).collect(),
        }
    }
}

/// What a user decided about one channel or community.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserPlacePushSettings)]
pub(crate) struct PlaceSettings {
    /// `default`: as the channel or community says. `silent`: nothing from it. `subscribe`: a
    /// subscriber, also told where only subscribers are.
    #[serde(default = "default_mode")]
    #[schema(default = "default", pattern = "^(default|silent|subscribe)$")]
    pub(crate) mode: String,
    /// Events by name; one that is absent is on.
    #[serde(default)]
    #[schema(example = json!({ "post.created": true, "post.reacted": false }))]
    pub(crate) events: BTreeMap<String, bool>,
}

impl PlaceSettings {
    pub(crate) fn of(kind: PlaceKind, decided: &PlacePreference) -> Self {
        let events = kind.events().map(|event| {
            let on = !decided.events_off.contains(event.name);
            (event.name.to_owned(), on)
        });
        Self {
            mode: decided.mode.word().to_owned(),
            events: events.collect(),
        }
    }
}

/// Whom a channel or community tells.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlacePushSettings)]
pub(crate) struct PlaceMode {
    /// `default`: everyone a push names. `silent`: nobody. `subscribe`: those who subscribed.
    #[schema(pattern = "^(default|silent|subscribe)$")]
    pub(crate) mode: String,
}

/// What the SDKs of social.plus are answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SdkDone {
    #[schema(example = "success")]
    pub(crate) status: &'static str,
}

/// Why not, in the words of social.plus.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SdkRefused {
    #[schema(example = "error")]
    pub(crate) status: &'static str,
    /// 400000 the request is wrong, 400100 no key, 400300 the key is not for this, 400400 there is no
    /// such device, 500000 not your mistake: with status 503 repeat it.
    #[schema(example = 400_000)]
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) data: SdkDetail,
}

/// What a key that is refused is told: by the function, or by the gateway before it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "describes what two answer, of whom one is not ours"
)]
pub(crate) enum SdkKeyRefused {
    Function(SdkRefused),
    Gateway(GatewayRefused),
}

/// The gateway's own answer on AWS.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayRefused {
    #[schema(example = "Forbidden")]
    pub(crate) message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SdkDetail {
    /// One entry per broken rule.
    pub(crate) detail: Vec<ProblemFieldBody>,
}

fn yes() -> bool {
    true
}

fn default_mode() -> String {
    Mode::default().word().to_owned()
}

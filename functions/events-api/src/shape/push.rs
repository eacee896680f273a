//! What is said about pushes.

use serde::Serialize;
use utoipa::ToSchema;

/// An event's push and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PushesBody {
    pub(crate) event_id: String,
    /// The name that the push goes by.
    #[schema(example = "message.created")]
    pub(crate) event: String,
    /// `targets`, `subscribers` or `everyone`.
    pub(crate) audience: String,
    pub(crate) progress: PushProgress,
    pub(crate) items: Vec<PushItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// How far a push has come through its audience.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PushProgress {
    /// Whom it has come to.
    pub(crate) people: u64,
    /// Devices that are owed it.
    pub(crate) owed: u64,
    /// People and devices for whom a gate stopped it, or a burst collapsed it.
    pub(crate) stopped: u64,
    /// Pages of named people, or partitions of everybody, that are done.
    pub(crate) parts_done: u64,
    pub(crate) parts: u64,
    pub(crate) finished: bool,
}

/// What became of a push for one person, or for one of their devices.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PushItem {
    pub(crate) user_id: String,
    /// Absent when it was stopped or collapsed for the person as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    /// `gated`, `pending`, `held`, `sent`, `dead` or `collapsed`.
    pub(crate) state: &'static str,
    /// In words.
    pub(crate) explanation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped_by: Option<GateBody>,
    pub(crate) attempts: u32,
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// What one gate decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GateBody {
    /// `master`, `event`, `module`, `user`, `place`, `role`, `device` or `credential`.
    pub(crate) gate: &'static str,
    pub(crate) passed: bool,
    /// A stable word.
    #[schema(example = "module_off")]
    pub(crate) reason: &'static str,
    /// The setting that decided it.
    pub(crate) setting: &'static str,
    /// In words.
    pub(crate) explanation: &'static str,
}

/// Why a user was pushed an event, or was not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainBody {
    pub(crate) event_id: String,
    pub(crate) user_id: String,
    /// In a sentence.
    pub(crate) explanation: String,
    /// In the order in which they were asked; the first that did not pass is the last.
    pub(crate) gates: Vec<GateBody>,
    pub(crate) devices: Vec<DeviceOutcome>,
}

/// What became of a push for one device.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceOutcome {
    pub(crate) device_id: String,
    /// `gated`, `pending`, `held`, `sent`, `dead` or `collapsed`.
    pub(crate) state: &'static str,
    /// In words, with what the provider said.
    pub(crate) explanation: String,
    /// The last gate, which looks at the device's credential.
    pub(crate) credential: GateBody,
    pub(crate) attempts: u32,
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

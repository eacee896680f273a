//! The JSON of the Secrets Manager protocol.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::secret::{Secret, Value, Version};

/// The value members of a request; they are never printed.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    pub(super) name: String,
    pub(super) client_request_token: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) secret_string: Option<String>,
    pub(super) secret_binary: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Put {
    pub(super) secret_id: String,
    pub(super) client_request_token: Option<String>,
    pub(super) secret_string: Option<String>,
    pub(super) secret_binary: Option<String>,
    pub(super) version_stages: Option<Vec<String>>,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    pub(super) secret_id: String,
    pub(super) version_id: Option<String>,
    pub(super) version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveStage {
    pub(super) secret_id: String,
    pub(super) version_stage: String,
    pub(super) remove_from_version_id: Option<String>,
    pub(super) move_to_version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OnlyId {
    pub(super) secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    pub(super) secret_id: String,
    pub(super) recovery_window_in_days: Option<u64>,
    pub(super) force_delete_without_recovery: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    pub(super) include_planned_deletion: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    pub(super) key: String,
    #[serde(default)]
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResource {
    pub(super) secret_id: String,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResource {
    pub(super) secret_id: String,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Serialize)]
pub(super) struct Empty {}

/// The answer of every operation that changes a secret.
#[derive(Default, Serialize)]
pub(super) struct Changed {
    #[serde(rename = "ARN")]
    pub(super) arn: String,
    #[serde(rename = "Name")]
    pub(super) name: String,
    #[serde(rename = "VersionId", skip_serializing_if = "Option::is_none")]
    pub(super) version_id: Option<String>,
    #[serde(rename = "VersionStages", skip_serializing_if = "Option::is_none")]
    pub(super) version_stages: Option<Vec<String>>,
    #[serde(rename = "DeletionDate", skip_serializing_if = "Option::is_none")]
    pub(super) deletion_date: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Got {
    #[serde(rename = "ARN")]
    arn: String,
    name: String,
    version_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_binary: Option<String>,
    version_stages: Vec<String>,
    created_date: f64,
}

/// `DescribeSecret` and the entries of `ListSecrets` differ in one member's name.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Description {
    #[serde(rename = "ARN")]
    arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    created_date: f64,
    last_changed_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_date: Option<f64>,
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_ids_to_stages: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_versions_to_stages: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) secret_list: Vec<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// Seconds since the Unix epoch, with the fraction AWS sends.
pub(super) fn seconds(milliseconds: u64) -> f64 {
    // Milliseconds fit a float's 53 bits until the year 287,396.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time in milliseconds has fewer than 53 bits"
    )]
    let milliseconds = milliseconds as f64;
    milliseconds / 1_000.0
}

impl Changed {
    pub(super) fn of(secret: &Secret) -> Self {
        Self {
            arn: secret.arn.clone(),
            name: secret.name.clone(),
            ..Self::default()
        }
    }
}

impl Got {
    pub(super) fn of(secret: &Secret, version: &Version) -> Self {
        let (secret_string, secret_binary) = match version.value.clone() {
            Value::Text(text) => (Some(text), None),
            Value::Binary(binary) => (None, Some(binary)),
        };
        Self {
            arn: secret.arn.clone(),
            name: secret.name.clone(),
            version_id: version.id.clone(),
            secret_string,
            secret_binary,
            version_stages: version.labels.clone(),
            created_date: seconds(version.created_ms),
        }
    }
}

impl Description {
    pub(super) fn described(secret: &Secret) -> Self {
        Self {
            version_ids_to_stages: Some(labelled_versions(secret)),
            ..Self::bare(secret)
        }
    }

    pub(super) fn listed(secret: &Secret) -> Self {
        Self {
            secret_versions_to_stages: Some(labelled_versions(secret)),
            ..Self::bare(secret)
        }
    }

    fn bare(secret: &Secret) -> Self {
        let tags = secret.tags.iter().map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        });
        Self {
            arn: secret.arn.clone(),
            name: secret.name.clone(),
            description: secret.description.clone(),
            kms_key_id: secret.kms_key_id.clone(),
            created_date: seconds(secret.created_ms),
            last_changed_date: seconds(secret.changed_ms),
            deleted_date: secret.deletion.map(|deletion| seconds(deletion.asked_ms)),
            tags: tags.collect(),
            version_ids_to_stages: None,
            secret_versions_to_stages: None,
        }
    }
}

fn labelled_versions(secret: &Secret) -> BTreeMap<String, Vec<String>> {
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.labels.is_empty());
    labelled
        .map(|version| (version.id.clone(), version.labels.clone()))
        .collect()
}

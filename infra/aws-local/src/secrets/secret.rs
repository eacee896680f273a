//! One secret: its versions, and the staging labels that move between them.
//!
//! Each label is on at most one version. `AWSPREVIOUS` follows `AWSCURRENT`: whichever
//! version loses `AWSCURRENT` gets it. Moving a label that is attached needs the name of
//! the version that holds it, which makes the move a compare-and-swap.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{Code, SecretsError};

pub(super) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const MAXIMUM_VALUE_BYTES: usize = 65_536;
/// AWS keeps about a hundred versions without labels; older ones go first.
const MAXIMUM_UNLABELLED: usize = 100;
const MAXIMUM_LABELS: usize = 20;

/// A value as it came: text, or base64 of bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Value {
    Text(String),
    Binary(String),
}

/// Secrets stay out of whatever prints this.
impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Value(..)")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) value: Value,
    pub(super) labels: Vec<String>,
    pub(super) created_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_ms: u64,
    pub(super) changed_ms: u64,
    /// When the secret is gone for good, and when that was asked for.
    pub(super) deletion: Option<Deletion>,
    pub(super) versions: Vec<Version>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Deletion {
    pub(super) asked_ms: u64,
    pub(super) due_ms: u64,
}

impl Value {
    /// Exactly one of the two members, or none.
    pub(super) fn from_members(
        text: Option<String>,
        binary: Option<String>,
    ) -> Result<Option<Self>, SecretsError> {
        let value = match (text, binary) {
            (None, None) => return Ok(None),
            (Some(text), None) => Self::Text(text),
            (None, Some(binary)) => Self::Binary(binary),
            (Some(_), Some(_)) => {
                let message = "You can't specify both a binary secret value and a string secret value in the same secret.";
                return Err(SecretsError::new(Code::InvalidParameter, message));
            }
        };
        let (member, bytes) = match &value {
            Self::Text(text) => ("secretString", text.len()),
            Self::Binary(base64) => ("secretBinary", decoded_bytes(base64)),
        };
        let limit = match bytes {
            0 => "greater than or equal to 1",
            1..=MAXIMUM_VALUE_BYTES => return Ok(Some(value)),
            _ => "less than or equal to 65536",
        };
        let message = format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length {limit}"
        );
        Err(SecretsError::new(Code::Validation, message))
    }
}

fn decoded_bytes(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

impl Secret {
    pub(super) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub(super) fn labelled(&self, label: &str) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.labels.iter().any(|own| own == label))
    }

    /// Adds a version, or recognises a repeated request by its token and value.
    pub(super) fn add(
        &mut self,
        id: &str,
        value: Value,
        labels: &[String],
        now_ms: u64,
    ) -> Result<(), SecretsError> {
        if let Some(existing) = self.version(id) {
            if existing.value == value {
                return Ok(());
            }
            let message = format!(
                "You can't use ClientRequestToken {id} because that value is already in use for a version of secret {}.",
                self.arn
            );
            return Err(SecretsError::new(Code::ResourceExists, message));
        }
        check_labels(labels)?;
        self.versions.push(Version {
            id: id.to_owned(),
            value,
            labels: Vec::new(),
            created_ms: now_ms,
        });
        for label in labels {
            self.attach(label, id);
        }
        // AWS makes the first version current, whatever labels were asked for.
        if self.labelled(CURRENT).is_none() {
            self.attach(CURRENT, id);
        }
        self.changed_ms = now_ms;
        self.forget_old_versions();
        Ok(())
    }

    /// `UpdateSecretVersionStage`: a compare-and-swap of one label.
    pub(super) fn move_label(
        &mut self,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
        now_ms: u64,
    ) -> Result<(), SecretsError> {
        for id in [from, to].into_iter().flatten() {
            self.version(id)
                .ok_or_else(|| SecretsError::no_version(&format!("VersionId: {id}")))?;
        }
        let holder = self.labelled(label).map(|version| version.id.clone());
        check_swap(label, holder.as_deref(), from, to)?;
        match to {
            Some(to) => self.attach(label, to),
            None => self.detach(label),
        }
        self.changed_ms = now_ms;
        Ok(())
    }

    fn attach(&mut self, label: &str, id: &str) {
        let holder = self.labelled(label).map(|version| version.id.clone());
        if holder.as_deref() == Some(id) {
            return;
        }
        self.detach(label);
        if let Some(version) = self.versions.iter_mut().find(|version| version.id == id) {
            version.labels.push(label.to_owned());
        }
        if let (CURRENT, Some(holder)) = (label, holder) {
            self.attach(PREVIOUS, &holder);
            // A version brought back to current is not also the previous one.
            if let Some(version) = self.versions.iter_mut().find(|version| version.id == id) {
                version.labels.retain(|own| own != PREVIOUS);
            }
        }
    }

    fn detach(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.retain(|own| own != label);
        }
    }

    fn forget_old_versions(&mut self) {
        let unlabelled = self
            .versions
            .iter()
            .filter(|version| version.labels.is_empty())
            .count();
        let mut surplus = unlabelled.saturating_sub(MAXIMUM_UNLABELLED);
        // Versions are in the order they were added.
        self.versions.retain(|version| {
            let forget = surplus > 0 && version.labels.is_empty();
            surplus -= usize::from(forget);
            !forget
        });
    }
}

fn check_labels(labels: &[String]) -> Result<(), SecretsError> {
    let valid = |label: &String| (1..=256).contains(&label.len());
    if labels.is_empty() || !labels.iter().all(valid) {
        let message = "VersionStages must hold labels of 1 to 256 characters.";
        return Err(SecretsError::new(Code::InvalidParameter, message));
    }
    if labels.len() > MAXIMUM_LABELS {
        let message = "A secret version can have at most 20 staging labels.";
        return Err(SecretsError::new(Code::LimitExceeded, message));
    }
    Ok(())
}

fn check_swap(
    label: &str,
    holder: Option<&str>,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), SecretsError> {
    let refuse = |message: String| Err(SecretsError::new(Code::InvalidParameter, message));
    match (holder, from, to) {
        (_, None, None) => refuse(
            "You must specify a value for either MoveToVersionId or RemoveFromVersionId."
                .to_owned(),
        ),
        (_, Some(_), None) if label == CURRENT => refuse(format!(
            "You can only move staging label {CURRENT} to a different secret version. It can't be completely removed."
        )),
        (Some(holder), None, Some(to)) if holder != to => refuse(format!(
            "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version \
             {holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )),
        (Some(holder), Some(from), _) if holder != from => refuse(format!(
            "The parameter RemoveFromVersionId is not valid. Staging label {label} is currently attached to version \
             {holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )),
        (None, Some(from), _) => refuse(format!(
            "Staging label {label} is not attached to version {from}."
        )),
        _ => Ok(()),
    }
}

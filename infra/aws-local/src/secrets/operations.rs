//! The operations of the JSON protocol: decode, check, do, answer.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Code, SecretsError};
use super::secret::{CURRENT, Deletion, Secret, Value};
use super::storage::SecretChange;
use super::wire::{Changed, Create, Delete, Get, Got, MoveStage, OnlyId, Put, seconds};
use super::{SecretsManager, check_alive, find};
use crate::protocol::{JSON_1_1, Reply, unknown_operation};
use crate::random;

const ARN_PREFIX: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
const DAY_MS: u64 = 86_400_000;

/// Every operation this service answers.
pub(crate) const OPERATIONS: &[&str] = &[
    "CreateSecret",
    "DeleteSecret",
    "DescribeSecret",
    "GetSecretValue",
    "ListSecrets",
    "PutSecretValue",
    "RestoreSecret",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
];

impl SecretsManager {
    pub(crate) async fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let answer = match operation {
            "CreateSecret" => run(body, |request| self.create(request)).await,
            "DeleteSecret" => run(body, |request| self.delete(request)).await,
            "DescribeSecret" => run(body, async |request| self.describe(&request)).await,
            "GetSecretValue" => run(body, async |request| self.get(&request)).await,
            "ListSecrets" => run(body, async |request| self.list(&request)).await,
            "PutSecretValue" => run(body, |request| self.put(request)).await,
            "RestoreSecret" => run(body, |request| self.restore(request)).await,
            "TagResource" => run(body, |request| self.tag(request)).await,
            "UntagResource" => run(body, |request| self.untag(request)).await,
            "UpdateSecret" => run(body, |request| self.update(request)).await,
            "UpdateSecretVersionStage" => run(body, |request| self.move_stage(request)).await,
            _ => {
                let problem = format!(
                    "Secrets Manager operation {operation} is not part of this local service"
                );
                return unknown_operation(&problem);
            }
        };
        answer.unwrap_or_else(|error| error.reply())
    }

    async fn create(&self, request: Create) -> Result<Changed, SecretsError> {
        check_name(&request.name)?;
        let value = Value::from_members(request.secret_string, request.secret_binary)?;
        let token = token(request.client_request_token)?;
        let tags = request
            .tags
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect();
        let (answer, commit) = {
            let mut secrets = self.secrets();
            if let Some(existing) = secrets.get(&request.name) {
                return repeated_creation(existing, &token, value.as_ref());
            }
            let now_ms = self.now_ms();
            let mut secret = Secret {
                arn: format!("{ARN_PREFIX}{}-{}", request.name, random::letters(6)),
                name: request.name,
                description: request.description,
                kms_key_id: request.kms_key_id,
                tags,
                created_ms: now_ms,
                changed_ms: now_ms,
                deletion: None,
                versions: Vec::new(),
            };
            let version_id = value.is_some().then(|| token.clone());
            if let Some(value) = value {
                secret.add(&token, value, &[CURRENT.to_owned()], now_ms)?;
            }
            let answer = Changed {
                version_id,
                ..Changed::of(&secret)
            };
            let commit = self
                .shared
                .journal
                .record(vec![SecretChange::Put(Box::new(secret.clone()))]);
            secrets.insert(secret.name.clone(), secret);
            (answer, commit)
        };
        commit.done().await?;
        Ok(answer)
    }

    fn get(&self, request: &Get) -> Result<Got, SecretsError> {
        let secrets = self.secrets();
        let secret = find(&secrets, &request.secret_id)?;
        check_alive(secret)?;
        let stage = request.version_stage.as_deref();
        let version = match (request.version_id.as_deref(), stage) {
            (Some(id), stage) => {
                let version = secret
                    .version(id)
                    .ok_or_else(|| SecretsError::no_version(&format!("VersionId: {id}")))?;
                if stage.is_some_and(|stage| !version.labels.iter().any(|label| label == stage)) {
                    let message = "You provided a VersionStage that is not associated to the provided VersionId.";
                    return Err(SecretsError::new(Code::InvalidRequest, message));
                }
                version
            }
            (None, stage) => {
                let stage = stage.unwrap_or(CURRENT);
                secret
                    .labelled(stage)
                    .ok_or_else(|| SecretsError::no_version(&format!("staging label: {stage}")))?
            }
        };
        Ok(Got::of(secret, version))
    }

    async fn put(&self, request: Put) -> Result<Changed, SecretsError> {
        let value = Value::from_members(request.secret_string, request.secret_binary)?;
        let value = value.ok_or_else(|| {
            SecretsError::new(
                Code::InvalidParameter,
                "You must provide either SecretString or SecretBinary.",
            )
        })?;
        let token = token(request.client_request_token)?;
        let labels = request
            .version_stages
            .unwrap_or_else(|| vec![CURRENT.to_owned()]);
        self.change(&request.secret_id, |secret, now_ms| {
            check_alive(secret)?;
            secret.add(&token, value, &labels, now_ms)?;
            let version_stages = secret.version(&token).map(|version| version.labels.clone());
            Ok(Changed {
                version_id: Some(token),
                version_stages,
                ..Changed::of(secret)
            })
        })
        .await
    }

    async fn update(&self, request: Put) -> Result<Changed, SecretsError> {
        let value = Value::from_members(request.secret_string, request.secret_binary)?;
        let token = token(request.client_request_token)?;
        self.change(&request.secret_id, |secret, now_ms| {
            check_alive(secret)?;
            secret.description = request.description.or_else(|| secret.description.take());
            secret.kms_key_id = request.kms_key_id.or_else(|| secret.kms_key_id.take());
            secret.changed_ms = now_ms;
            let version_id = value.is_some().then(|| token.clone());
            if let Some(value) = value {
                secret.add(&token, value, &[CURRENT.to_owned()], now_ms)?;
            }
            Ok(Changed {
                version_id,
                ..Changed::of(secret)
            })
        })
        .await
    }

    async fn move_stage(&self, request: MoveStage) -> Result<Changed, SecretsError> {
        self.change(&request.secret_id, |secret, now_ms| {
            check_alive(secret)?;
            let (from, to) = (
                request.remove_from_version_id.as_deref(),
                request.move_to_version_id.as_deref(),
            );
            secret.move_label(&request.version_stage, from, to, now_ms)?;
            Ok(Changed::of(secret))
        })
        .await
    }

    async fn delete(&self, request: Delete) -> Result<Changed, SecretsError> {
        let days = request.recovery_window_in_days;
        let forced = request.force_delete_without_recovery.unwrap_or(false);
        if forced && days.is_some() {
            let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
            return Err(SecretsError::new(Code::InvalidParameter, message));
        }
        if days.is_some_and(|days| !(7..=30).contains(&days)) {
            let message =
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
            return Err(SecretsError::new(Code::InvalidParameter, message));
        }
        self.change(&request.secret_id, |secret, now_ms| {
            if !forced {
                check_alive(secret)?;
            }
            // What is due at once is gone the next time anyone looks.
            let due_ms = if forced {
                now_ms
            } else {
                now_ms + days.unwrap_or(30) * DAY_MS
            };
            secret.deletion = Some(Deletion {
                asked_ms: now_ms,
                due_ms,
            });
            Ok(Changed {
                deletion_date: Some(seconds(due_ms)),
                ..Changed::of(secret)
            })
        })
        .await
    }

    async fn restore(&self, request: OnlyId) -> Result<Changed, SecretsError> {
        self.change(&request.secret_id, |secret, _| {
            secret.deletion = None;
            Ok(Changed::of(secret))
        })
        .await
    }
}

async fn run<R: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl AsyncFnOnce(R) -> Result<A, SecretsError>,
) -> Result<Reply, SecretsError> {
    // The decoder's message names members and positions, and could quote a value: keep its class only.
    let request = serde_json::from_slice(body).map_err(|error| {
        let message = format!(
            "the request is not valid at line {} column {}",
            error.line(),
            error.column()
        );
        SecretsError::new(Code::Serialization, message)
    })?;
    operation(request)
        .await
        .map(|answer| Reply::json(JSON_1_1, &answer))
}

/// The request that created the secret may come again; any other may not.
fn repeated_creation(
    existing: &Secret,
    token: &str,
    value: Option<&Value>,
) -> Result<Changed, SecretsError> {
    if existing.deletion.is_some() {
        let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
        return Err(SecretsError::new(Code::InvalidRequest, message));
    }
    let same = existing
        .version(token)
        .is_some_and(|version| Some(&version.value) == value);
    if same {
        return Ok(Changed {
            version_id: Some(token.to_owned()),
            ..Changed::of(existing)
        });
    }
    let message = format!(
        "The operation failed because the secret {} already exists.",
        existing.name
    );
    Err(SecretsError::new(Code::ResourceExists, message))
}

fn token(given: Option<String>) -> Result<String, SecretsError> {
    let token = given.unwrap_or_else(random::uuid);
    if (32..=64).contains(&token.len()) {
        return Ok(token);
    }
    Err(SecretsError::new(
        Code::InvalidParameter,
        "ClientRequestToken must be 32-64 characters long.",
    ))
}

fn check_name(name: &str) -> Result<(), SecretsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
    Err(SecretsError::new(Code::Validation, message))
}

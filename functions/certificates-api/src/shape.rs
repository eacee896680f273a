//! The JSON of this API.

use credential::Verdict;
use domain::credential::{Record, days_left};
use domain::time::Timestamp;
use providers::Answer;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use store::ActiveSlot;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A credential to take. As a form (`multipart/form-data`) the same names are its parts, and `p12`,
/// `p8` and `serviceAccount` may be files. Of the material, give what the provider takes: for APNs
/// `p12` with `password`, or `p8` with `keyId`, `teamId` and `bundleId`; for FCM `serviceAccount`;
/// for Baidu `apiKey` and `secretKey`.
// No `Debug`: it holds what must not be shown.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateCertificate {
    /// Your word for it.
    #[schema(min_length = 1, max_length = 200, example = "Production 2027")]
    pub(crate) name: String,
    #[schema(pattern = "^(ios|android)$", example = "ios")]
    pub(crate) platform: String,
    #[schema(pattern = "^(apns|fcm|baidu)$", example = "apns")]
    pub(crate) provider: String,
    #[schema(pattern = "^(production|sandbox)$", example = "production")]
    pub(crate) environment: String,
    /// The .p12 file, in base64.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    pub(crate) p12: Secret,
    /// Of the .p12 file; empty if left out.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    pub(crate) password: Secret,
    /// The .p8 file: its text, or base64 of it.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    pub(crate) p8: Secret,
    /// Of the .p8 file's key.
    #[serde(default)]
    #[schema(example = "ABC123DEFG")]
    pub(crate) key_id: Option<String>,
    /// The Apple developer team, for a .p8 file.
    #[serde(default)]
    #[schema(example = "TEAM123456")]
    pub(crate) team_id: Option<String>,
    /// The application; with a .p12 file only if it is for several.
    #[serde(default)]
    #[schema(example = "com.example.app")]
    pub(crate) bundle_id: Option<String>,
    /// The JSON of the service account, as an object or as text.
    #[serde(default, deserialize_with = "secret_json")]
    #[schema(value_type = Option<Value>, write_only)]
    pub(crate) service_account: Secret,
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    pub(crate) api_key: Secret,
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    pub(crate) secret_key: Secret,
}

/// Text that is wiped when dropped.
pub(crate) type Secret = Option<Zeroizing<String>>;

/// A text whose mistakes are told without quoting it.
fn secret<'d, D: Deserializer<'d>>(input: D) -> Result<Secret, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Zeroizing::new(text))),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(serde::de::Error::custom("must be a text"))
        }
    }
}

fn secret_json<'d, D: Deserializer<'d>>(input: D) -> Result<Secret, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Zeroizing::new(text))),
        object @ Value::Object(_) => Ok(Some(Zeroizing::new(object.to_string()))),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err(serde::de::Error::custom("must be an object or a text"))
        }
    }
}

/// A credential, without its material.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Certificate)]
pub(crate) struct CertificateBody {
    #[schema(example = "cred_01jd8z6v5qk3m7n9p2r4s6t8v0")]
    id: String,
    name: String,
    platform: &'static str,
    provider: &'static str,
    environment: &'static str,
    /// `p12`, `p8`, `serviceAccount` or `keyPair`.
    kind: &'static str,
    /// Whether pushes are sent with it.
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, format = DateTime)]
    active_since: Option<String>,
    /// Why an active one sends nothing: its messages wait for a good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    paused: Option<PausedBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    bundle_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    team_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    project_id: Option<String>,
    /// What it may push to.
    topics: Vec<String>,
    /// Which environments it is good for.
    environments: Vec<&'static str>,
    /// Absent when it never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, format = DateTime)]
    expires_at: Option<String>,
    /// Whole days to `expiresAt`, negative once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    days_to_expiry: Option<i64>,
    /// SHA-256 of the certificate, the public key, or both halves of a key pair.
    fingerprint: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A provider refuses the credential.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PausedCertificate)]
struct PausedBody {
    /// The provider's word.
    reason: String,
    explanation: String,
    #[schema(format = DateTime)]
    since: String,
}

impl CertificateBody {
    /// `active` is the slot that the credential is in, if it is.
    pub(crate) fn of(record: &Record, active: Option<&ActiveSlot>, now: Timestamp) -> Self {
        let facts = &record.facts;
        let paused = active.and_then(|active| active.paused.as_ref());
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            platform: record.slot.platform().word(),
            provider: record.slot.provider().word(),
            environment: record.slot.environment().word(),
            kind: facts.kind.word(),
            active: active.is_some(),
            active_since: active.map(|active| active.since.to_string()),
            paused: paused.map(|paused| PausedBody {
                reason: paused.reason.clone(),
                explanation: paused.explanation.clone(),
                since: paused.at.to_string(),
            }),
            bundle_id: facts.bundle_id.clone(),
            team_id: facts.team_id.clone(),
            key_id: facts.key_id.clone(),
            project_id: facts.project_id.clone(),
            topics: facts.topics.clone(),
            environments: facts.environments.iter().map(|one| one.word()).collect(),
            expires_at: facts.expires.map(|at| at.to_string()),
            days_to_expiry: facts.expires.map(|at| days_left(at, now)),
            fingerprint: facts.fingerprint.to_string(),
            created_at: record.created.to_string(),
        }
    }
}

/// The credential as it was taken, and what its owner should know.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedCertificate {
    #[serde(flatten)]
    pub(crate) certificate: CertificateBody,
    pub(crate) warnings: Vec<WarningBody>,
}

/// Something about an upload that does not keep it out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateWarning)]
pub(crate) struct WarningBody {
    field: &'static str,
    /// A stable word.
    rule: &'static str,
    message: String,
}

impl WarningBody {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        Self {
            field: verdict.field(),
            rule: verdict.rule(),
            message: verdict.to_string(),
        }
    }
}

/// All credentials of a network, oldest first; at most 100.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CertificateList {
    pub(crate) items: Vec<CertificateBody>,
}

/// How to activate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivateCertificate {
    /// First have the provider accept it.
    #[serde(default)]
    pub(crate) verify: Option<VerifyWith>,
}

/// A device that a push is sent to which shows nothing; FCM only checks it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VerifyWith {
    /// What the provider knows a device of the application by.
    pub(crate) device_token: String,
}

/// Where the credential before the active one is to be active again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBackCertificate {
    #[schema(pattern = "^(ios|android)$")]
    pub(crate) platform: String,
    #[schema(pattern = "^(apns|fcm|baidu)$")]
    pub(crate) provider: String,
    #[schema(pattern = "^(production|sandbox)$")]
    pub(crate) environment: String,
}

/// A push to one device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TestCertificate {
    /// What the provider knows the device by.
    pub(crate) device_token: String,
    #[serde(default)]
    #[schema(max_length = 1000, default = "Test")]
    pub(crate) title: Option<String>,
    #[serde(default)]
    #[schema(max_length = 5000, default = "Sent by Fanfare to try a certificate.")]
    pub(crate) body: Option<String>,
}

/// What the provider said, and what it means.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CertificateTest)]
pub(crate) struct TestBody {
    /// `delivered`, `dead_token`, `wrong_environment_suspect`, `wrong_project_suspect`,
    /// `credential_fault`, `retry` or `poison`.
    outcome: &'static str,
    /// The HTTP status; absent when no answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    status: Option<u16>,
    /// The provider's own word, or ours for what has none.
    reason: String,
    /// The same in words.
    meaning: &'static str,
    /// The answer as it came, cut to 512 characters.
    raw: String,
    /// What the provider calls the push.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    provider_id: Option<String>,
}

impl TestBody {
    pub(crate) fn of(answer: Answer) -> Self {
        Self {
            outcome: answer.class.word(),
            status: answer.status,
            reason: answer.reason,
            meaning: answer.meaning,
            raw: answer.raw,
            provider_id: answer.provider_id,
        }
    }
}

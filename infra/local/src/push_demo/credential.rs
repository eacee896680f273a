//! Credentials as an administrator brings them: made, uploaded and activated through the API.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::credential::{Environment, Fingerprint};
use http::{Method, StatusCode};
use runtime::{Clock, Random};
use serde_json::{Value, json};
use simulator::issue_certificate;

use super::stage::{DemoError, Stage};

/// Of the .p12 files made here.
pub const P12_PASSWORD: &str = "fanfare-demo-p12-password";

/// The application.
const BUNDLE: &str = "com.example.fanfare-demo";
const PROJECT: &str = "fanfare-demo";
/// The developer's team, and the id of its signing key.
const TEAM: &str = "TEAMFFDEMO";
const KEY_ID: &str = "KEYFFDEMO1";

/// Apple's push certificates are good for a year and a month.
const LIFE: Duration = Duration::from_secs(395 * 24 * 3600);

/// A certificate that the API took, and what it said of it.
pub(super) struct Certificate {
    pub(super) fingerprint: Fingerprint,
    pub(super) said: String,
}

impl Stage<'_> {
    /// Makes a push certificate, uploads it with its password, and activates it.
    pub(super) async fn apple(&self) -> Result<Certificate, DemoError> {
        let taken = self.upload(&p12(P12_PASSWORD)?).await?;
        let days = taken.get("daysToExpiry").and_then(Value::as_i64);
        let warning = taken
            .pointer("/warnings/0/message")
            .and_then(Value::as_str)
            .map_or_else(String::new, |warning| format!("; a warning: {warning}"));
        let said = format!(
            "for {}, ends in {} days{warning}",
            text(&taken, "bundleId")?,
            days.unwrap_or_default()
        );
        let fingerprint = Fingerprint::parse(text(&taken, "fingerprint")?);
        self.activate(&taken).await?;
        Ok(Certificate {
            fingerprint: fingerprint.ok_or(UPLOAD_SAYS_NOTHING)?,
            said,
        })
    }

    /// Makes a signing key, uploads its .p8 file for debug builds, and activates it; gives what the API
    /// said of it.
    pub(super) async fn apple_sandbox(&self) -> Result<String, DemoError> {
        let file = self.phones.issue_signing_key(KEY_ID, TEAM)?;
        let material = [
            ("p8", file.as_str()),
            ("keyId", KEY_ID),
            ("teamId", TEAM),
            ("bundleId", BUNDLE),
        ];
        let upload = upload(("ios", "apns", Environment::Sandbox), material);
        let taken = self.upload(&upload).await?;
        self.activate(&taken).await?;
        let warning = taken.pointer("/warnings/0/message").and_then(Value::as_str);
        Ok(warning.ok_or(UPLOAD_SAYS_NOTHING)?.to_owned())
    }

    /// A certificate whose password was mistyped, and why it was refused.
    pub(super) async fn mistyped(&self) -> Result<String, DemoError> {
        let upload = p12(&format!("{P12_PASSWORD}!"))?;
        let refused = self
            .admin
            .call(
                Method::POST,
                "/certificates",
                Some(&upload),
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await?;
        let why = refused.pointer("/errors/0/message").and_then(Value::as_str);
        let why = why.ok_or(UPLOAD_SAYS_NOTHING)?;
        Ok(format!("refused: the password {why}"))
    }

    /// Makes a service account, uploads it and activates it.
    pub(super) async fn google(&self) -> Result<(), DemoError> {
        let file = self.phones.issue_account(PROJECT)?;
        let upload = upload(
            ("android", "fcm", Environment::Production),
            [("serviceAccount", &file)],
        );
        let taken = self.upload(&upload).await?;
        self.activate(&taken).await
    }

    /// Makes Baidu's pair of keys, uploads it and activates it.
    pub(super) async fn baidu(&self) -> Result<(), DemoError> {
        let random = Random::system();
        let key = || Fingerprint::from_bytes(random.bytes()).to_string();
        let (api_key, secret_key) = (key(), key());
        self.phones.know_key_pair(&api_key, &secret_key);
        let keys = [("apiKey", api_key.as_str()), ("secretKey", &secret_key)];
        let upload = upload(("android", "baidu", Environment::Production), keys);
        let taken = self.upload(&upload).await?;
        self.activate(&taken).await
    }

    async fn upload(&self, upload: &Value) -> Result<Value, DemoError> {
        let path = "/certificates";
        let taken = self
            .admin
            .call(Method::POST, path, Some(upload), StatusCode::CREATED)
            .await;
        Ok(taken?)
    }

    async fn activate(&self, taken: &Value) -> Result<(), DemoError> {
        let path = format!("/certificates/{}/activate", text(taken, "id")?);
        let nothing = json!({});
        self.admin
            .call(Method::POST, &path, Some(&nothing), StatusCode::OK)
            .await?;
        Ok(())
    }
}

/// A new certificate, uploaded with this password.
fn p12(password: &str) -> Result<Value, DemoError> {
    let ends = Clock::system().now().after(LIFE);
    let file = STANDARD.encode(issue_certificate(BUNDLE, P12_PASSWORD, ends)?);
    let material = [("p12", file.as_str()), ("password", password)];
    let place = ("ios", "apns", Environment::Production);
    Ok(upload(place, material))
}

fn upload<const N: usize>(
    (platform, provider, environment): (&str, &str, Environment),
    material: [(&str, &str); N],
) -> Value {
    let name = format!("Demo, {provider}");
    let place = [
        ("name", name.as_str()),
        ("platform", platform),
        ("provider", provider),
        ("environment", environment.word()),
    ];
    let fields = place.into_iter().chain(material);
    let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(fields.collect())
}

const UPLOAD_SAYS_NOTHING: DemoError = DemoError::Answer {
    operation: "uploading a certificate",
    missing: "id, bundle id, fingerprint or verdict",
};

fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, DemoError> {
    let text = answer.get(name).and_then(Value::as_str);
    text.ok_or(UPLOAD_SAYS_NOTHING)
}

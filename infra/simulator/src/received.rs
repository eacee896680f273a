use serde::Serialize;
use serde_json::Value;

/// One request to push, and what it was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// `apns`, `fcm` or `baidu`.
    pub provider: &'static str,
    /// `production` or `sandbox`; APNs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<&'static str>,
    /// What the provider knows the device by.
    pub token: String,
    /// The application: APNs' topic, FCM's project, Baidu's API key.
    pub application: String,
    /// Given by the sender or by the provider.
    pub id: String,
    /// Replaces an earlier push of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapse_id: Option<String>,
    /// As the phone shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// As the phone shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What was sent, whole.
    pub payload: Value,
    /// Whether the phone got it.
    pub delivered: bool,
    /// HTTP status of the answer.
    pub status: u16,
    /// The provider's word when it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, RFC 3339.
    pub at: String,
    /// The same, in milliseconds.
    #[serde(skip)]
    pub at_millis: u64,
}

impl Received {
    /// One line for a person, without the token.
    #[must_use]
    pub fn line(&self) -> String {
        let shown = |text: &Option<String>| text.clone().unwrap_or_default();
        let phone: String = self.token.chars().take(8).collect();
        let outcome = match &self.reason {
            None => "received",
            Some(reason) => reason,
        };
        format!(
            "📱 {} {phone}… {outcome}: {} {}",
            self.provider,
            shown(&self.title),
            shown(&self.body)
        )
    }
}

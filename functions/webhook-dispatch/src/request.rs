//! What goes over the wire: body and headers of one attempt.

use std::time::Duration;

use bytes::Bytes;
use domain::envelope;
use domain::event::Event;
use domain::signing::{Secret, signatures};
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use outbound::Request;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const X_AMITY_SIGNATURE: HeaderName = HeaderName::from_static("x-amity-signature");

/// Builds the request for `event`. `secrets` are the live ones, newest first.
pub(crate) fn build(
    url: WebhookUrl,
    event: &Event,
    secrets: &[Secret],
    at: Timestamp,
    deadline: Duration,
) -> Request {
    // What is signed is what is sent: both use this one buffer.
    let body = envelope::compose(event).into_bytes();
    let mut headers = HeaderMap::with_capacity(6);
    let mut set = |name: HeaderName, value: &str| {
        // Ids and signatures are visible ASCII by construction, so none is ever left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/json");
    // Standard Webhooks: the id stays the same on every try, the timestamp is this try's.
    set(WEBHOOK_ID, event.id.as_str());
    set(WEBHOOK_TIMESTAMP, &at.seconds().to_string());
    set(
        WEBHOOK_SIGNATURE,
        &signatures(secrets, &event.id, at, &body),
    );
    // social.plus knows one secret per endpoint, so only the newest can sign here.
    if let Some(newest) = secrets.first() {
        set(X_AMITY_SIGNATURE, &newest.sign_amity(&body));
    }
    Request {
        url,
        headers,
        body: Bytes::from(body),
        deadline,
    }
}

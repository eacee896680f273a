//! What goes over the wire: body and headers of one attempt.

use bytes::Bytes;
use domain::endpoint::Endpoint;
use domain::envelope;
use domain::event::Event;
use domain::header::{Header, HeaderValue as Custom};
use domain::signing::{amity_signature, signatures};
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use outbound::Request;
use vault::Material;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const X_AMITY_SIGNATURE: HeaderName = HeaderName::from_static("x-amity-signature");

/// Builds the request that tells `endpoint` of `event`.
pub(crate) fn build(
    url: WebhookUrl,
    event: &Event,
    endpoint: &Endpoint,
    material: &Material,
    at: Timestamp,
) -> Request {
    // What is signed is what is sent: both use this one buffer.
    let body = envelope::compose(event, endpoint.format).into_bytes();
    let mut headers = HeaderMap::with_capacity(6 + endpoint.headers.len());
    for header in &endpoint.headers {
        if let (Ok(name), Some(value)) = (
            HeaderName::from_bytes(header.name.as_str().as_bytes()),
            value(header, material),
        ) {
            headers.insert(name, value);
        }
    }
    let mut set = |name: HeaderName, value: &str| {
        // Ids and signatures are visible ASCII by construction, so none is ever left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    // After the endpoint's own, so that none of those could stand in for these.
    set(header::CONTENT_TYPE, "application/json");
    // Standard Webhooks: the id stays the same on every try, the timestamp is this try's.
    set(WEBHOOK_ID, event.id.as_str());
    set(WEBHOOK_TIMESTAMP, &at.seconds().to_string());
    let signed = signatures(material.keys(), &event.id, at, &body);
    set(WEBHOOK_SIGNATURE, &signed);
    if let Some(signature) = amity_signature(material.keys(), &body) {
        set(X_AMITY_SIGNATURE, &signature);
    }
    Request {
        url,
        headers,
        body: Bytes::from(body),
        deadline: endpoint.timeout.duration(),
    }
}

fn value(header: &Header, material: &Material) -> Option<HeaderValue> {
    match &header.value {
        Custom::Plain(value) => HeaderValue::from_str(value).ok(),
        Custom::Sensitive => sensitive(material.headers().get(header.name.as_str())?),
    }
}

/// A value that HTTP/2 sends in full each time, so that no peer keeps it in its table and no other
/// request to the same peer can be used to guess it (RFC 7541 §7.1.3).
fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_is_never_indexed_or_shown() {
        let value = sensitive("Bearer of a secret").unwrap();
        assert!(value.is_sensitive());
        assert_eq!(format!("{value:?}"), "Sensitive");
    }
}

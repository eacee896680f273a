use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use domain::webhook_url::WebhookUrl;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;

/// One POST. `Debug` shows no header's value and nothing of the body.
#[derive(Clone)]
pub struct Request {
    /// Its host's addresses are judged whenever a connection is opened.
    pub url: WebhookUrl,
    /// See the crate's documentation for the few that are not sent as given.
    pub headers: HeaderMap,
    /// Sent as given, never compressed.
    pub body: Bytes,
    /// Wall-clock time from the call to the last byte read.
    pub deadline: Duration,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Request")
            .field("url", &self.url)
            .field("headers", &names)
            .field("body", &self.body.len())
            .field("deadline", &self.deadline)
            .finish()
    }
}

const OUR_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Fanfare/", env!("CARGO_PKG_VERSION")));

/// Headers only the connection may set. RFC 9110 §7.6.1 and RFC 9112 §6: two opinions about where
/// a message ends are how requests are smuggled.
static CONNECTION_OWNED: [HeaderName; 11] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    TE,
    TRAILER,
    UPGRADE,
    EXPECT,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Request {
    /// The request as hyper sends it.
    ///
    /// # Errors
    ///
    /// When the URL, legal by WHATWG, is not one HTTP can carry.
    pub(crate) fn into_http(self) -> Result<http::Request<Full<Bytes>>, http::uri::InvalidUri> {
        let uri = Uri::try_from(self.url.as_str())?;
        let mut headers = self.headers;
        // Asked first, because hardly any request has one and removing hashes every name.
        if headers.keys().any(|name| CONNECTION_OWNED.contains(name)) {
            for name in &CONNECTION_OWNED {
                headers.remove(name);
            }
        }
        headers.entry(USER_AGENT).or_insert(OUR_USER_AGENT);
        let mut request = http::Request::new(Full::new(self.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::address::AddressPolicy;
    use proptest::prelude::*;

    fn request(url: &WebhookUrl, headers: HeaderMap) -> Request {
        Request {
            url: url.clone(),
            headers,
            body: Bytes::new(),
            deadline: Duration::ZERO,
        }
    }

    #[test]
    fn framing_is_ours_and_the_rest_is_the_callers() {
        let url = WebhookUrl::parse("https://example.com/a", AddressPolicy::PublicOnly).unwrap();
        let mut headers = HeaderMap::new();
        for name in [
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "keep-alive",
        ] {
            headers.insert(name, HeaderValue::from_static("999"));
        }
        headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
        let sent = request(&url, headers.clone()).into_http().unwrap();
        let names: Vec<_> = sent.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(sent.headers()["webhook-id"], "msg_1");
        assert_eq!(sent.headers()["user-agent"], "Fanfare/0.1.0");
        assert_eq!(names.len(), 2, "{names:?}");

        headers.insert("user-agent", HeaderValue::from_static("theirs"));
        let sent = request(&url, headers).into_http().unwrap();
        assert_eq!(sent.headers()["user-agent"], "theirs");
    }

    #[test]
    fn debug_shows_no_value() {
        let url = WebhookUrl::parse("https://example.com/a", AddressPolicy::PublicOnly).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
        let request = Request {
            body: Bytes::from_static(b"secret"),
            ..request(&url, headers)
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("authorization"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    proptest! {
        #[test]
        fn every_webhook_url_can_be_sent(path in ".{0,30}", query in ".{0,30}") {
            let text = format!("https://example.com/{path}?{query}");
            if let Ok(url) = WebhookUrl::parse(&text, AddressPolicy::PublicOnly) {
                let sent = request(&url, HeaderMap::new()).into_http();
                prop_assert!(sent.is_ok(), "{}", url.as_str());
            }
        }
    }
}

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

/// An answer on its way to the caller.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Option<String>,
}

impl Reply {
    /// With `body` written as `application/json`.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, body: &T) -> Self {
        // Our bodies are structs of texts and numbers; serialising them cannot fail.
        let text = serde_json::to_string(body).unwrap_or_default();
        Self::text(status, "application/json", text)
    }

    /// With `body` as it is, under this content type.
    #[must_use]
    pub fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Some(body),
        }
        .header("content-type", content_type)
    }

    /// 204, without a body.
    #[must_use]
    pub fn no_content() -> Self {
        Self {
            status: 204,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// Sets a header; a value that HTTP cannot carry is left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn into_response(self) -> ApiGatewayV2httpResponse {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = i64::from(self.status);
        response.headers = self.headers;
        // Answers may hold secrets once and personal data often; nobody in between may keep them.
        response.headers.insert(
            http::header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        );
        response.body = self.body.map(Body::Text);
        response
    }
}

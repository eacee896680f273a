//! A small client of our own API, for the demo.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::console::{Verbosity, tell};

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("build a request to {url}")]
    Build {
        url: String,
        #[source]
        source: http::Error,
    },
    #[error("call {url}")]
    Send {
        url: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("call {url}: it answered {status} {body}")]
    Refused {
        url: String,
        status: StatusCode,
        body: String,
    },
}

/// Calls as the holder of one key.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    authorization: String,
    shown: Verbosity,
}

impl HttpClient {
    /// `base` is put in front of every path. What is `shown` may be every call and its answer; what
    /// was sent never is, as it may be secret.
    pub(crate) fn new(base: String, key: &str, shown: Verbosity) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self {
            client,
            base,
            authorization: format!("Bearer {key}"),
            shown,
        }
    }

    /// Posts JSON and returns the answer, which must have `wanted` as its status.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: Vec<u8>,
        wanted: StatusCode,
    ) -> Result<Value, CallError> {
        self.send(Method::POST, path, body, wanted).await
    }

    /// Makes a call and returns the answer, which must have `wanted` as its status.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        wanted: StatusCode,
    ) -> Result<Value, CallError> {
        let body = body.map(|body| body.to_string().into_bytes());
        self.send(method, path, body.unwrap_or_default(), wanted)
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        wanted: StatusCode,
    ) -> Result<Value, CallError> {
        let url = format!("{}{path}", self.base);
        let request = Request::builder()
            .method(&method)
            .uri(&url)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|source| CallError::Build {
                url: url.clone(),
                source,
            })?;
        let failed = |source| CallError::Send {
            url: url.clone(),
            source,
        };
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| failed(error.into()))?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| failed(error.into()))?
            .to_bytes();
        if self.shown == Verbosity::All {
            let answer = String::from_utf8_lossy(&body);
            tell(&format!(
                "{method} {path} answered {} {answer}",
                status.as_u16()
            ));
        }
        match serde_json::from_slice(&body) {
            Ok(value) if status == wanted => Ok(value),
            _ => Err(CallError::Refused {
                url,
                status,
                body: String::from_utf8_lossy(&body).into_owned(),
            }),
        }
    }
}

//! The in-memory way in: an HTTP client for SDK configurations that opens no socket.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;

use crate::protocol::Reply;
use crate::router::{Router, TARGET_HEADER};

#[derive(Clone)]
pub(crate) struct InMemory(pub(crate) Router);

impl std::fmt::Debug for InMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("InMemory")
    }
}

impl HttpClient for InMemory {
    /// There is nothing to connect to, so the connect timeout has no meaning; the SDK itself
    /// ends an attempt that takes too long.
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InMemory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let router = self.0.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get(TARGET_HEADER).map(str::to_owned);
            let body = request.into_body();
            let reply = match body.bytes() {
                Some(bytes) => router.answer(target.as_deref(), bytes).await,
                None => {
                    let collected = body.collect().await.map_err(ConnectorError::io)?;
                    router
                        .answer(target.as_deref(), &collected.to_bytes())
                        .await
                }
            };
            respond(reply)
        })
    }
}

fn respond(reply: Reply) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(reply.status)
        .map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    let headers = response.headers_mut();
    headers.insert("content-type", reply.content_type);
    headers.insert("x-amzn-requestid", crate::random::uuid());
    for (name, value) in reply.headers {
        headers.insert(name, value);
    }
    Ok(response)
}

//! A table that answers every write at once: what is left is the work of the function itself.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

const WRITE: &str = "DynamoDB_20120810.UpdateItem";

/// Answers writes; hands everything else on.
#[derive(Debug, Clone)]
pub(crate) struct Instant(SharedHttpClient);

/// An SDK's HTTP client over `services`, for which every write succeeds and is forgotten.
pub(crate) fn over(services: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Instant(services))
}

#[derive(Debug, Clone)]
struct Connector(SharedHttpConnector);

impl HttpClient for Instant {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.headers().get("x-amz-target") != Some(WRITE) {
            return self.0.call(request);
        }
        HttpConnectorFuture::ready(written())
    }
}

fn written() -> Result<HttpResponse, ConnectorError> {
    let ok =
        StatusCode::try_from(200_u16).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(ok, SdkBody::from("{}"));
    let headers = response.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

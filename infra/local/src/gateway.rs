//! API Gateway's HTTP API (payload format 2.0) in front of the functions.
//!
//! Where AWS answers by itself, this answers with the same status and a body that also holds AWS's:
//! a problem document whose detail says what to do.

mod answer;
mod authorize;
mod request;
mod route;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::BodyExt as _;
use hyper::body::Incoming as IncomingBody;
use runtime::{Clock, Platform, Random};
use telemetry::Telemetry;

use crate::StartError;
use crate::event::CallFailed;
use crate::handlers::{Bound, Functions, HttpCall};
use crate::invoke;
use crate::template::HttpApi;
use answer::{Answer, Refusal};
use authorize::{Denied, Guard};
use request::Incoming;
use route::Routes;

/// Largest body. Source: "Payload size 10 MB" in the quotas for HTTP APIs.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// How much of a body that is too large is read and thrown away.
const MAX_DISCARDED: usize = 10 * MAX_BODY;
/// Source: "Maximum integration timeout 30 seconds" in the quotas for HTTP APIs.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// The routes with everything behind them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    routes: Routes<Target>,
    guards: BTreeMap<String, Guard>,
    clock: Clock,
    random: Random,
    telemetry: Telemetry,
}

#[derive(Debug)]
struct Target {
    bound: Bound<HttpCall>,
    guard: Option<String>,
}

impl Gateway {
    pub(crate) fn new(
        api: &HttpApi,
        functions: &Functions,
        platform: &Platform,
    ) -> Result<Self, StartError> {
        let mut routes = Vec::new();
        for route in &api.routes {
            let bound = functions.http(&route.function)?;
            routes.push((
                route.key.clone(),
                Target {
                    bound,
                    guard: route.authorizer.clone(),
                },
            ));
        }
        let mut guards = BTreeMap::new();
        for (name, authorizer) in &api.authorizers {
            let bound = functions.authorizer(&authorizer.function)?;
            guards.insert(name.clone(), Guard::new(authorizer.clone(), bound));
        }
        Ok(Self(Arc::new(Inner {
            routes: Routes::compile(routes).map_err(|key| StartError::RouteKey { key })?,
            guards,
            clock: platform.clock.clone(),
            random: platform.random.clone(),
            telemetry: platform.telemetry.clone(),
        })))
    }

    /// Answers one request.
    pub(crate) async fn answer(self, request: Request<IncomingBody>, peer: SocketAddr) -> Answer {
        let (parts, body) = request.into_parts();
        let request_id = URL_SAFE_NO_PAD.encode(self.0.random.bytes::<12>());
        let mut answer = match self.0.route(&parts, body, &request_id, peer).await {
            Ok(answer) => answer,
            Err(refusal) => refusal.answer(),
        };
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            answer.headers_mut().insert(REQUEST_ID, id);
        }
        answer
    }
}

impl Inner {
    async fn route(
        &self,
        parts: &Parts,
        body: IncomingBody,
        request_id: &str,
        peer: SocketAddr,
    ) -> Result<Answer, Refusal> {
        let found = self
            .routes
            .find(&parts.method, parts.uri.path())
            .ok_or(Refusal::NotFound)?;
        let incoming = Incoming {
            parts,
            route_key: found.key,
            parameters: found.parameters,
            request_id,
            peer,
            now: self.clock.now(),
        };
        let guard = found
            .target
            .guard
            .as_ref()
            .and_then(|name| self.guards.get(name));
        let context =
            match guard {
                None => None,
                Some(guard) => Some(guard.admit(&incoming).await.map_err(
                    |denied| match denied {
                        Denied::Refused(refusal) => refusal,
                        Denied::Failed(failure) => self.failed(guard.function(), &failure),
                    },
                )?),
            };
        let body = read(body).await?;
        self.call(&found.target.bound, incoming.http_event(body, context))
            .await
    }

    async fn call(
        &self,
        bound: &Bound<HttpCall>,
        event: aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    ) -> Result<Answer, Refusal> {
        let running = invoke::run(bound.timeout, (bound.call)(event));
        let Ok(result) = tokio::time::timeout(INTEGRATION_TIMEOUT, running).await else {
            return Err(Refusal::TooSlow);
        };
        let answer = result.map_err(|failure| self.failed(&bound.function, &failure))?;
        answer::from_function(answer).ok_or(Refusal::FunctionFailed)
    }

    fn failed(&self, function: &str, failure: &invoke::Failure) -> Refusal {
        self.telemetry.emit(
            &CallFailed::new(function, failure),
            self.clock.now().millis(),
        );
        Refusal::FunctionFailed
    }
}

/// Reads a body that is too large to its end all the same: a client that is still writing when the
/// connection closes never sees the answer.
async fn read(mut body: IncomingBody) -> Result<Bytes, Refusal> {
    let mut kept = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::BodyUnreadable)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen <= MAX_BODY {
            kept.extend_from_slice(&data);
        } else if seen <= MAX_DISCARDED {
            kept.clear();
        } else {
            return Err(Refusal::BodyTooLarge);
        }
    }
    if seen > MAX_BODY {
        Err(Refusal::BodyTooLarge)
    } else {
        Ok(kept.freeze())
    }
}

#[cfg(test)]
mod tests;

//! A request as API Gateway's payload format 2.0.

use std::collections::HashMap;
use std::net::SocketAddr;

use aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2CustomAuthorizerV2Request, ApiGatewayV2httpRequest,
    ApiGatewayV2httpRequestContext, ApiGatewayV2httpRequestContextHttpDescription,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::time::Timestamp;
use http::header::{COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use time::OffsetDateTime;

use crate::world;

const STAGE: &str = "$default";
const API_ID: &str = "local";
const FORMAT: &str = "2.0";

/// What every part of an event is made from.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) parts: &'a Parts,
    pub(super) route_key: &'a str,
    pub(super) parameters: HashMap<String, String>,
    pub(super) request_id: &'a str,
    pub(super) peer: SocketAddr,
    pub(super) now: Timestamp,
}

impl Incoming<'_> {
    pub(super) fn http_event(
        self,
        body: Bytes,
        authorizer: Option<HashMap<String, Value>>,
    ) -> ApiGatewayV2httpRequest {
        let mut event = ApiGatewayV2httpRequest::default();
        event.version = Some(FORMAT.to_owned());
        event.route_key = Some(self.route_key.to_owned());
        event.raw_path = Some(self.path());
        event.raw_query_string = Some(self.query().to_owned());
        event.cookies = self.cookies();
        event.headers = self.headers();
        event.query_string_parameters = self.query_lists().into();
        event.request_context = self.context();
        event.request_context.authorizer = authorizer.map(|fields| {
            let mut context = ApiGatewayRequestAuthorizer::default();
            context.fields = fields;
            context
        });
        event.path_parameters = self.parameters;
        (event.body, event.is_base64_encoded) = text_or_base64(body);
        event
    }

    pub(super) fn authorizer_event(
        &self,
        identity: Vec<String>,
    ) -> ApiGatewayV2CustomAuthorizerV2Request {
        let mut event = ApiGatewayV2CustomAuthorizerV2Request::default();
        event.version = Some(FORMAT.to_owned());
        event.type_ = Some("REQUEST".to_owned());
        event.route_arn = Some(self.route_arn());
        event.identity_source = Some(identity);
        event.route_key = Some(self.route_key.to_owned());
        event.raw_path = Some(self.path());
        event.raw_query_string = Some(self.query().to_owned());
        event.cookies = self.cookies().unwrap_or_default();
        event.headers = self.headers();
        event.query_string_parameters = self
            .query_lists()
            .into_iter()
            .map(|(name, values)| (name, values.join(",")))
            .collect();
        event.request_context = self.context();
        event.path_parameters = self.parameters.clone();
        event
    }

    fn path(&self) -> String {
        self.parts.uri.path().to_owned()
    }

    fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    fn query_lists(&self) -> HashMap<String, Vec<String>> {
        let mut lists: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(self.query().as_bytes()) {
            // Values of one name are joined with commas on the wire and split again by the
            // functions' decoder, so a comma inside a value separates too.
            let values = value.split(',').map(str::to_owned);
            lists.entry(name.into_owned()).or_default().extend(values);
        }
        lists
    }

    /// API Gateway moves cookies out of the headers.
    fn cookies(&self) -> Option<Vec<String>> {
        let cookies: Vec<String> = self
            .parts
            .headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|line| line.to_str().unwrap_or_default().split(';'))
            .map(|cookie| cookie.trim().to_owned())
            .filter(|cookie| !cookie.is_empty())
            .collect();
        (!cookies.is_empty()).then_some(cookies)
    }

    /// Lower-case names; repeated headers become one, joined with commas.
    fn headers(&self) -> HeaderMap {
        let mut joined = HeaderMap::with_capacity(self.parts.headers.keys_len());
        for name in self.parts.headers.keys().filter(|name| *name != COOKIE) {
            joined.insert(name.clone(), self.joined(name));
        }
        joined
    }

    fn joined(&self, name: &HeaderName) -> HeaderValue {
        let mut values = self.parts.headers.get_all(name).iter();
        let first = values
            .next()
            .cloned()
            .unwrap_or_else(|| HeaderValue::from_static(""));
        let rest: Vec<_> = values.map(HeaderValue::as_bytes).collect();
        if rest.is_empty() {
            return first;
        }
        let all = [vec![first.as_bytes()], rest]
            .concat()
            .join(b",".as_slice());
        HeaderValue::from_bytes(&all).unwrap_or(first)
    }

    fn route_arn(&self) -> String {
        let path = self.parts.uri.path();
        world::arn(
            "execute-api",
            &format!("{API_ID}/{STAGE}/{}{path}", self.parts.method),
        )
    }

    fn context(&self) -> ApiGatewayV2httpRequestContext {
        let text = |name| {
            self.parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let mut http = ApiGatewayV2httpRequestContextHttpDescription::default();
        http.method = self.parts.method.clone();
        http.path = Some(self.path());
        http.protocol = Some(format!("{:?}", self.parts.version));
        http.source_ip = Some(self.peer.ip().to_string());
        http.user_agent = text(USER_AGENT);
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.route_key = Some(self.route_key.to_owned());
        context.account_id = Some(world::ACCOUNT.to_owned());
        context.stage = Some(STAGE.to_owned());
        context.request_id = Some(self.request_id.to_owned());
        context.apiid = Some(API_ID.to_owned());
        context.domain_name = text(HOST);
        context.domain_prefix = Some(API_ID.to_owned());
        context.time = common_log_time(self.now);
        context.time_epoch = i64::try_from(self.now.millis()).unwrap_or(i64::MAX);
        context.http = http;
        context
    }
}

/// Text as it is; anything else as base64.
fn text_or_base64(body: Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match String::from_utf8(body.into()) {
        Ok(text) => (Some(text), false),
        Err(error) => (Some(STANDARD.encode(error.as_bytes())), true),
    }
}

/// The Common Log Format's time, `23/Nov/2026:09:00:00 +0000`.
fn common_log_time(now: Timestamp) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(now.seconds()).ok()?).ok()?;
    let month = at.month().to_string();
    Some(format!(
        "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000",
        at.day(),
        month.get(..3)?,
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    ))
}

use aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use domain::api_key::{Grant, Key};
use domain::time::Timestamp;
use runtime::{Platform, SettingsError};
use serde_json::{Value, json};
use store::Store;
use telemetry::chain::chain;
use telemetry::event::{KeyRefused, RequestFailed};

use crate::Settings;

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    platform: Platform,
    store: Store,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table),
            platform: platform.clone(),
        })
    }
}

/// Answers the gateway.
///
/// # Errors
/// When the table does not answer: the gateway then refuses with 500 and caches nothing.
pub async fn handle(
    deps: &Deps,
    request: ApiGatewayV2CustomAuthorizerV2Request,
) -> Result<ApiGatewayV2CustomAuthorizerSimpleResponse, store::Error> {
    let now = deps.platform.clock.now();
    let key = presented(&request).and_then(Key::parse);
    let Some(key) = key else {
        return Ok(refuse(deps, now, "malformed", None));
    };
    let found = deps.store.grant(key.id()).await;
    let Some(grant) = found.inspect_err(|error| failed(deps, now, error))? else {
        return Ok(refuse(deps, now, "unknown", Some(&key)));
    };
    if !key.unlocks(&grant, now) {
        return Ok(refuse(deps, now, "wrong_or_expired", Some(&key)));
    }
    Ok(answer(true, context(&grant)))
}

fn failed(deps: &Deps, now: Timestamp, error: &store::Error) {
    let event = RequestFailed {
        operation: "authorize",
        request_id: None,
        error: chain(error),
    };
    deps.platform.telemetry.emit(&event, now.millis());
}

/// The key in the header that the gateway's authorizer names as identity source: `Authorization`,
/// or the bare `X-API-Key` of SDKs for social.plus. The gateway caches the answer by that header, so
/// no other may decide it.
fn presented(request: &ApiGatewayV2CustomAuthorizerV2Request) -> Option<&str> {
    let source = request.identity_source.as_ref()?.first()?;
    let is_source = |name: &str| {
        let header = request.headers.get(name);
        header.is_some_and(|value| value.as_bytes() == source.as_bytes())
    };
    if is_source("authorization") {
        return bearer(source);
    }
    is_source("x-api-key").then_some(source.as_str())
}

/// RFC 6750 §2.1; the scheme's name is case-insensitive (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn context(grant: &Grant) -> Value {
    let access = grant.access.to_text();
    match &grant.network {
        Some(network) => json!({ "network": network.as_str(), "access": access }),
        None => json!({ "access": access }),
    }
}

fn refuse(
    deps: &Deps,
    now: Timestamp,
    reason: &'static str,
    key: Option<&Key>,
) -> ApiGatewayV2CustomAuthorizerSimpleResponse {
    let event = KeyRefused {
        reason,
        key_id: key.map(|key| key.id().to_owned()),
        keys_refused: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    answer(false, json!({}))
}

fn answer(is_authorized: bool, context: Value) -> ApiGatewayV2CustomAuthorizerSimpleResponse {
    let mut response = ApiGatewayV2CustomAuthorizerSimpleResponse::default();
    response.is_authorized = is_authorized;
    response.context = context;
    response
}

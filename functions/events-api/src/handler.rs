use std::convert::Infallible;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::api_key::Permission;
use http_api::{answer, routes};
use queue::Queue;
use rules::Known;
use runtime::{Platform, SettingsError};
use store::Store;

use crate::Settings;
use crate::operations::{explain, expunge, pushes, report, why};

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) events: Queue,
    pub(crate) rules: Known,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table)
                .spread_by(platform.random.clone()),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            rules: Known::default(),
            platform: platform.clone(),
        })
    }
}

const READ: &[Permission] = &[Permission::Read];
/// Whoever reports events may see what became of them.
const READ_OWN: &[Permission] = &[Permission::Read, Permission::WriteEvents];
const WRITE: &[Permission] = &[Permission::WriteEvents];
const MANAGE: &[Permission] = &[Permission::ManageWebhooks];

routes! {
    Report "POST" "/v1/networks/{network}/events" WRITE, "reportEvents";
    Explain "GET" "/v1/networks/{network}/events/{id}" READ_OWN, "getEvent";
    Pushes "GET" "/v1/networks/{network}/events/{id}/pushes" READ, "listPushes";
    Why "GET" "/v1/networks/{network}/explain" READ, "explainPush";
    Expunge "DELETE" "/v1/networks/{network}/events/{id}/payload" MANAGE, "expungePayload";
}

/// Answers one request.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(
    deps: &Deps,
    request: ApiGatewayV2httpRequest,
) -> Result<ApiGatewayV2httpResponse, Infallible> {
    let run = async |operation, call| match operation {
        Operation::Report => report::report(deps, call).await,
        Operation::Explain => explain::explain(deps, call).await,
        Operation::Pushes => pushes::list(deps, call).await,
        Operation::Why => why::explain(deps, call).await,
        Operation::Expunge => expunge::expunge(deps, call).await,
    };
    Ok(answer(ROUTES, request, &deps.platform, run).await)
}

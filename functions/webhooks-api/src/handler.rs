use std::convert::Infallible;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::address::AddressPolicy;
use domain::api_key::Permission;
use domain::webhook_url::OwnNames;
use http_api::{answer, routes};
use queue::Queue;
use runtime::{Platform, SettingsError};
use store::Store;
use vault::Vault;

use crate::Settings;
use crate::operations::{
    about, all_deliveries, attempts, conservation, create, deliveries, endpoints, filter_test,
    quarantine, replay, replays, secret, switch, test_send, update,
};

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) events: Queue,
    pub(crate) retries: Queue,
    pub(crate) replays: Queue,
    pub(crate) audiences: Queue,
    pub(crate) pushes: Queue,
    pub(crate) policy: AddressPolicy,
    pub(crate) own_names: OwnNames,
    /// The addresses webhooks come from, if they are fixed.
    pub(crate) egress: Vec<String>,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table)
                .spread_by(platform.random.clone()),
            vault: Vault::new(
                platform.aws.secretsmanager(),
                settings.secret_prefix,
                platform.random.clone(),
            ),
            events: Queue::new(platform.aws.sqs(), settings.events_queue),
            retries: Queue::new(platform.aws.sqs(), settings.retry_queue),
            replays: Queue::new(platform.aws.sqs(), settings.replay_queue),
            audiences: Queue::new(platform.aws.sqs(), settings.audience_queue),
            pushes: Queue::new(platform.aws.sqs(), settings.push_queue),
            egress: settings.egress,
            own_names: OwnNames::new(settings.own_names),
            policy: if settings.local_receivers {
                AddressPolicy::LoopbackAllowed
            } else {
                AddressPolicy::PublicOnly
            },
            platform: platform.clone(),
        })
    }
}

const OPEN: &[Permission] = &[];
const READ: &[Permission] = &[Permission::Read];
const MANAGE: &[Permission] = &[Permission::ManageWebhooks];
const OPERATE: &[Permission] = &[Permission::Operate];

routes! {
    Create "POST" "/v1/networks/{network}/webhooks" MANAGE, "createEndpoint";
    List "GET" "/v1/networks/{network}/webhooks" READ, "listEndpoints";
    TestFilter "POST" "/v1/networks/{network}/webhooks/filter-test" READ, "testFilter";
    Get "GET" "/v1/networks/{network}/webhooks/{id}" READ, "getEndpoint";
    Update "PATCH" "/v1/networks/{network}/webhooks/{id}" MANAGE, "updateEndpoint";
    Delete "DELETE" "/v1/networks/{network}/webhooks/{id}" MANAGE, "deleteEndpoint";
    Enable "POST" "/v1/networks/{network}/webhooks/{id}/enable" MANAGE, "enableEndpoint";
    Disable "POST" "/v1/networks/{network}/webhooks/{id}/disable" MANAGE, "disableEndpoint";
    RotateSecret "POST" "/v1/networks/{network}/webhooks/{id}/secret/rotations" MANAGE, "rotateSecret";
    RevokeSecrets "DELETE" "/v1/networks/{network}/webhooks/{id}/secret/previous" MANAGE, "revokePreviousSecrets";
    Jwks "GET" "/v1/jwks/{network}/{id}" OPEN, "getPublicKeys";
    Test "POST" "/v1/networks/{network}/webhooks/{id}/test" MANAGE, "testEndpoint";
    ListDeliveries "GET" "/v1/networks/{network}/webhooks/{id}/deliveries" READ, "listDeliveries";
    CreateReplay "POST" "/v1/networks/{network}/webhooks/{id}/replays" MANAGE, "createReplay";
    ListReplays "GET" "/v1/networks/{network}/webhooks/{id}/replays" READ, "listReplays";
    GetReplay "GET" "/v1/networks/{network}/webhooks/{id}/replays/{replay}" READ, "getReplay";
    CancelReplay "POST" "/v1/networks/{network}/webhooks/{id}/replays/{replay}/cancel" MANAGE, "cancelReplay";
    ListAllDeliveries "GET" "/v1/networks/{network}/deliveries" READ, "listAllDeliveries";
    GetDelivery "GET" "/v1/networks/{network}/deliveries/{id}" READ, "getDelivery";
    GetAttempt "GET" "/v1/networks/{network}/deliveries/{id}/attempts/{number}" READ, "getAttempt";
    Replay "POST" "/v1/networks/{network}/deliveries/{id}/replay" MANAGE, "replayDelivery";
    Discard "POST" "/v1/networks/{network}/deliveries/{id}/discard" MANAGE, "discardDelivery";
    ListQuarantine "GET" "/v1/networks/{network}/quarantine" READ, "listQuarantine";
    GetQuarantined "GET" "/v1/networks/{network}/quarantine/{id}" READ, "getQuarantined";
    ReplayQuarantined "POST" "/v1/networks/{network}/quarantine/{id}/replay" MANAGE, "replayQuarantined";
    DiscardQuarantined "DELETE" "/v1/networks/{network}/quarantine/{id}" MANAGE, "discardQuarantined";
    Conservation "GET" "/v1/networks/{network}/conservation" READ, "getConservation";
    ListUnowned "GET" "/v1/quarantine" OPERATE, "listUnownedQuarantine";
    GetUnowned "GET" "/v1/quarantine/{id}" OPERATE, "getUnownedQuarantined";
    ReplayUnowned "POST" "/v1/quarantine/{id}/replay" OPERATE, "replayUnownedQuarantined";
    DiscardUnowned "DELETE" "/v1/quarantine/{id}" OPERATE, "discardUnownedQuarantined";
    Health "GET" "/v1/health" OPEN, "getHealth";
    OpenApi "GET" "/v1/openapi.json" OPEN, "getOpenApi";
    Problem "GET" "/v1/problems/{id}" OPEN, "getProblem";
    Egress "GET" "/v1/egress" OPEN, "getEgress";
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
        Operation::Create => create::create(deps, call).await,
        Operation::List => endpoints::list(deps, call).await,
        Operation::TestFilter => filter_test::test(deps, call).await,
        Operation::Get => endpoints::get(deps, call).await,
        Operation::Update => update::update(deps, call).await,
        Operation::Delete => endpoints::delete(deps, call).await,
        Operation::Enable => switch::enable(deps, call).await,
        Operation::Disable => switch::disable(deps, call).await,
        Operation::RotateSecret => secret::rotate(deps, call).await,
        Operation::RevokeSecrets => secret::revoke(deps, call).await,
        Operation::Jwks => secret::jwks(deps, &call).await,
        Operation::Test => test_send::send(deps, call).await,
        Operation::ListDeliveries => deliveries::list(deps, call).await,
        Operation::CreateReplay => replays::create(deps, call).await,
        Operation::ListReplays => replays::list(deps, call).await,
        Operation::GetReplay => replays::get(deps, call).await,
        Operation::CancelReplay => replays::cancel(deps, call).await,
        Operation::ListAllDeliveries => all_deliveries::list(deps, call).await,
        Operation::GetDelivery => deliveries::get(deps, call).await,
        Operation::GetAttempt => attempts::get(deps, call).await,
        Operation::Replay => replay::replay(deps, call).await,
        Operation::Discard => replay::discard(deps, call).await,
        Operation::ListQuarantine => quarantine::list(deps, Some(call.network()?), call).await,
        Operation::GetQuarantined => quarantine::get(deps, Some(call.network()?), call).await,
        Operation::ReplayQuarantined => quarantine::replay(deps, Some(call.network()?), call).await,
        Operation::DiscardQuarantined => {
            quarantine::discard(deps, Some(call.network()?), call).await
        }
        Operation::ListUnowned => quarantine::list(deps, None, call).await,
        Operation::GetUnowned => quarantine::get(deps, None, call).await,
        Operation::ReplayUnowned => quarantine::replay(deps, None, call).await,
        Operation::DiscardUnowned => quarantine::discard(deps, None, call).await,
        Operation::Conservation => conservation::get(deps, call).await,
        Operation::Health => Ok(about::health()),
        Operation::OpenApi => Ok(about::openapi()),
        Operation::Problem => about::problem(&call),
        Operation::Egress => Ok(about::egress(deps)),
    };
    Ok(answer(ROUTES, request, &deps.platform, run).await)
}

use std::convert::Infallible;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::api_key::Permission;
use http_api::{answer, routes};
use providers::Hosts;
use queue::Queue;
use runtime::{Platform, SettingsError};
use store::Store;
use vault::Vault;

use crate::Settings;
use crate::operations::{activate, create, records, test_send};

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) events: Queue,
    pub(crate) hosts: Hosts,
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
            hosts: settings.stand_ins.unwrap_or_else(Hosts::official),
            platform: platform.clone(),
        })
    }
}

const READ: &[Permission] = &[Permission::Read];
const MANAGE: &[Permission] = &[Permission::ManagePush];

routes! {
    Create "POST" "/v1/networks/{network}/certificates" MANAGE, "createCertificate";
    List "GET" "/v1/networks/{network}/certificates" READ, "listCertificates";
    RollBack "POST" "/v1/networks/{network}/certificates/rollback" MANAGE, "rollBackCertificate";
    Get "GET" "/v1/networks/{network}/certificates/{id}" READ, "getCertificate";
    Delete "DELETE" "/v1/networks/{network}/certificates/{id}" MANAGE, "deleteCertificate";
    Activate "POST" "/v1/networks/{network}/certificates/{id}/activate" MANAGE, "activateCertificate";
    Test "POST" "/v1/networks/{network}/certificates/{id}/test" MANAGE, "testCertificate";
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
        Operation::List => records::list(deps, call).await,
        Operation::RollBack => activate::roll_back(deps, call).await,
        Operation::Get => records::get(deps, call).await,
        Operation::Delete => records::delete(deps, call).await,
        Operation::Activate => activate::activate(deps, call).await,
        Operation::Test => test_send::test(deps, call).await,
    };
    Ok(answer(ROUTES, request, &deps.platform, run).await)
}

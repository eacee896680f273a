use std::convert::Infallible;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::api_key::Permission;
use http_api::{answer, routes};
use runtime::{Platform, SettingsError};
use store::Store;

use crate::Settings;
use crate::operations::{preview, settings, versions};

/// What the function needs from outside.
#[derive(Debug)]
pub struct Deps {
    pub(crate) platform: Platform,
    pub(crate) store: Store,
}

impl Deps {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn new(platform: &Platform) -> Result<Self, SettingsError> {
        let settings = Settings::from_env(&platform.env)?;
        Ok(Self {
            store: Store::new(platform.aws.dynamodb(), settings.table)
                .spread_by(platform.random.clone()),
            platform: platform.clone(),
        })
    }
}

const READ: &[Permission] = &[Permission::Read];
/// The master toggle asks for more, where a change flips it.
const MANAGE: &[Permission] = &[Permission::ManagePush];

routes! {
    Get "GET" "/v1/networks/{network}/push-settings" READ, "getPushSettings";
    Put "PUT" "/v1/networks/{network}/push-settings" MANAGE, "putPushSettings";
    Versions "GET" "/v1/networks/{network}/push-settings/versions" READ, "listPushSettingsVersions";
    Version "GET" "/v1/networks/{network}/push-settings/versions/{version}" READ, "getPushSettingsVersion";
    Rollback "POST" "/v1/networks/{network}/push-settings/rollback" MANAGE, "rollBackPushSettings";
    Preview "POST" "/v1/networks/{network}/push-settings/preview" READ, "previewPush";
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
        Operation::Get => settings::get(deps, call).await,
        Operation::Put => settings::put(deps, call).await,
        Operation::Versions => versions::list(deps, call).await,
        Operation::Version => versions::get(deps, call).await,
        Operation::Rollback => versions::roll_back(deps, call).await,
        Operation::Preview => preview::preview(deps, call).await,
    };
    Ok(answer(ROUTES, request, &deps.platform, run).await)
}

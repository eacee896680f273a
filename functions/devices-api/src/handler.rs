use std::convert::Infallible;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::api_key::Permission;
use http_api::{Problem, answer_in, routes};
use runtime::{Platform, SettingsError};
use store::Store;

use crate::Settings;
use crate::operations::{devices, places, sdk, users};

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

/// What people decide is read by the keys that may change it too.
const READ_OWN: &[Permission] = &[Permission::Read, Permission::WriteDevices];
/// Devices are not: a key that applications hold would show everyone's to everyone.
const READ: &[Permission] = &[Permission::Read];
const WRITE: &[Permission] = &[Permission::WriteDevices];
const MANAGE: &[Permission] = &[Permission::ManagePush];

routes! {
    Register "POST" "/v1/networks/{network}/devices" WRITE, "registerDevice";
    Remove "DELETE" "/v1/networks/{network}/devices/{deviceId}" WRITE, "removeDevice";
    List "GET" "/v1/networks/{network}/users/{userId}/devices" READ, "listDevices";
    GetUser "GET" "/v1/networks/{network}/users/{userId}/push-settings" READ_OWN, "getUserPushSettings";
    PutUser "PUT" "/v1/networks/{network}/users/{userId}/push-settings" WRITE, "putUserPushSettings";
    GetUserChannel "GET" "/v1/networks/{network}/users/{userId}/channels/{channelId}/push-settings" READ_OWN, "getUserChannelPushSettings";
    PutUserChannel "PUT" "/v1/networks/{network}/users/{userId}/channels/{channelId}/push-settings" WRITE, "putUserChannelPushSettings";
    GetUserCommunity "GET" "/v1/networks/{network}/users/{userId}/communities/{communityId}/push-settings" READ_OWN, "getUserCommunityPushSettings";
    PutUserCommunity "PUT" "/v1/networks/{network}/users/{userId}/communities/{communityId}/push-settings" WRITE, "putUserCommunityPushSettings";
    GetChannel "GET" "/v1/networks/{network}/channels/{channelId}/push-settings" READ, "getChannelPushSettings";
    PutChannel "PUT" "/v1/networks/{network}/channels/{channelId}/push-settings" MANAGE, "putChannelPushSettings";
    GetCommunity "GET" "/v1/networks/{network}/communities/{communityId}/push-settings" READ, "getCommunityPushSettings";
    PutCommunity "PUT" "/v1/networks/{network}/communities/{communityId}/push-settings" MANAGE, "putCommunityPushSettings";
    SdkRegister "POST" "/v1/notification" WRITE, "registerDeviceBySdk";
    SdkRemove "DELETE" "/v1/notification" WRITE, "removeDeviceBySdk";
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
        Operation::Register => devices::register(deps, call).await,
        Operation::Remove => devices::remove(deps, call).await,
        Operation::List => devices::list(deps, call).await,
        Operation::GetUser => users::get(deps, call).await,
        Operation::PutUser => users::put(deps, call).await,
        Operation::GetUserChannel | Operation::GetUserCommunity => {
            users::get_place(deps, call).await
        }
        Operation::PutUserChannel | Operation::PutUserCommunity => {
            users::put_place(deps, call).await
        }
        Operation::GetChannel | Operation::GetCommunity => places::get(deps, call).await,
        Operation::PutChannel | Operation::PutCommunity => places::put(deps, call).await,
        Operation::SdkRegister => sdk::register(deps, call).await,
        Operation::SdkRemove => sdk::remove(deps, call).await,
    };
    let path = request.raw_path.as_deref().unwrap_or_default();
    let form = if path == sdk::PATH {
        sdk::refused
    } else {
        Problem::reply
    };
    Ok(answer_in(ROUTES, request, &deps.platform, form, run).await)
}

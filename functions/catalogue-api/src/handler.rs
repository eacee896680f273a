use std::convert::Infallible;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::api_key::Permission;
use http_api::{answer, routes};
use runtime::{Platform, SettingsError};
use store::Store;

use crate::Settings;
use crate::operations::{change, read, rules};

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
const MANAGE: &[Permission] = &[Permission::ManageWebhooks];

routes! {
    List "GET" "/v1/networks/{network}/event-types" READ, "listEventTypes";
    Get "GET" "/v1/networks/{network}/event-types/{name}" READ, "getEventType";
    Put "PUT" "/v1/networks/{network}/event-types/{name}" MANAGE, "putEventType";
    Archive "DELETE" "/v1/networks/{network}/event-types/{name}" MANAGE, "archiveEventType";
    Versions "GET" "/v1/networks/{network}/event-types/{name}/versions" READ, "listEventTypeVersions";
    GetRules "GET" "/v1/networks/{network}/settings" READ, "getSettings";
    PutRules "PUT" "/v1/networks/{network}/settings" MANAGE, "putSettings";
}

/// Answers one request.
///
/// # Errors
/// Never; the type is Lambda's.
pub async fn handle(
    deps: &Deps,
    mut request: ApiGatewayV2httpRequest,
) -> Result<ApiGatewayV2httpResponse, Infallible> {
    let run = async |operation, call| match operation {
        Operation::List => read::list(deps, call).await,
        Operation::Get => read::get(deps, call).await,
        Operation::Put => change::put(deps, call).await,
        Operation::Archive => change::archive(deps, call).await,
        Operation::Versions => read::versions(deps, call).await,
        Operation::GetRules => rules::get(deps, call).await,
        Operation::PutRules => rules::put(deps, call).await,
    };
    request.raw_path = request.raw_path.map(|path| name_in_one_part(&path));
    Ok(answer(ROUTES, request, &deps.platform, run).await)
}

/// The path with the slashes of an event type's name escaped, whether or not the gateway has
/// unescaped them.
fn name_in_one_part(path: &str) -> String {
    const BEFORE: &str = "/event-types/";
    const AFTER: &str = "/versions";
    let Some((before, rest)) = path.split_once(BEFORE) else {
        return path.to_owned();
    };
    let (name, after) = match rest.strip_suffix(AFTER) {
        Some(name) => (name, AFTER),
        None => (rest, ""),
    };
    // One at the end belongs to no name, and leads nowhere.
    if name.ends_with('/') {
        return path.to_owned();
    }
    format!("{before}{BEFORE}{}{after}", name.replace('/', "%2F"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_the_path_however_the_gateway_hands_it_on() {
        for (path, expected) in [
            ("/n/event-types/a.b", "/n/event-types/a.b"),
            ("/n/event-types/a/b.c", "/n/event-types/a%2Fb.c"),
            ("/n/event-types/a%2Fb", "/n/event-types/a%2Fb"),
            (
                "/n/event-types/a/b/versions",
                "/n/event-types/a%2Fb/versions",
            ),
            ("/n/event-types/versions", "/n/event-types/versions"),
            ("/n/event-types/a/", "/n/event-types/a/"),
            ("/n/event-types", "/n/event-types"),
            ("/n/settings/x", "/n/settings/x"),
        ] {
            assert_eq!(name_in_one_part(path), expected);
        }
    }
}

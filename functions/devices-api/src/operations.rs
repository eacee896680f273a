pub(crate) mod devices;
mod fields;
pub(crate) mod places;
pub(crate) mod sdk;
pub(crate) mod users;

use http_api::Outages;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};

/// This function's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(
    modifiers(&SdkKey, &Outages),
    paths(
        devices::register_doc,
        devices::remove_doc,
        devices::list_doc,
        users::get_doc,
        users::put_doc,
        users::get_channel_doc,
        users::put_channel_doc,
        users::get_community_doc,
        users::put_community_doc,
        places::get_channel_doc,
        places::put_channel_doc,
        places::get_community_doc,
        places::put_community_doc,
        sdk::register_doc,
        sdk::remove_doc,
    )
)]
pub struct ApiDoc;

struct SdkKey;

impl utoipa::Modify for SdkKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let value = ApiKeyValue::with_description(
            "X-API-Key",
            "A key with the scope devices:write; it names the network",
        );
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("sdkKey", SecurityScheme::ApiKey(ApiKey::Header(value)));
    }
}

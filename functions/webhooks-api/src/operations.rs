pub(crate) mod about;
pub(crate) mod all_deliveries;
pub(crate) mod attempts;
pub(crate) mod conservation;
pub(crate) mod create;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
mod examples;
mod fields;
pub(crate) mod filter_test;
mod headers;
mod material;
mod news;
pub(crate) mod quarantine;
pub(crate) mod replay;
pub(crate) mod replays;
pub(crate) mod secret;
mod send_back;
pub(crate) mod switch;
pub(crate) mod test_send;
pub(crate) mod update;

use http_api::Outages;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// This function's part of the OpenAPI document, with what all parts share.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Fanfare", description = "Report an event once; Fanfare delivers it as signed webhooks.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    modifiers(&ApiKey, &Outages),
    paths(
        create::create_doc,
        endpoints::list_doc,
        endpoints::get_doc,
        update::update_doc,
        endpoints::delete_doc,
        switch::enable_doc,
        switch::disable_doc,
        deliveries::list_doc,
        all_deliveries::list_doc,
        secret::rotate_doc,
        secret::revoke_doc,
        secret::jwks_doc,
        test_send::send_doc,
        filter_test::test_doc,
        deliveries::get_doc,
        attempts::get_doc,
        replay::replay_doc,
        replay::discard_doc,
        replays::create_doc,
        replays::list_doc,
        replays::get_doc,
        replays::cancel_doc,
        quarantine::list_doc,
        quarantine::get_doc,
        quarantine::replay_doc,
        quarantine::discard_doc,
        quarantine::list_unowned_doc,
        quarantine::get_unowned_doc,
        quarantine::replay_unowned_doc,
        quarantine::discard_unowned_doc,
        conservation::get_doc,
        about::health_doc,
        about::openapi_doc,
        about::problem_doc,
        about::egress_doc,
    )
)]
pub struct ApiDoc;

struct ApiKey;

impl utoipa::Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key of the network, or of the operator where a path names no network",
            ))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("apiKey", SecurityScheme::Http(scheme));
    }
}

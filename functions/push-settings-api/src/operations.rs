mod draft;
pub(crate) mod preview;
pub(crate) mod settings;
pub(crate) mod versions;

use http_api::Outages;
use utoipa::OpenApi;

/// This function's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(modifiers(&Outages), paths(
    settings::get_doc,
    settings::put_doc,
    versions::list_doc,
    versions::get_doc,
    versions::roll_back_doc,
    preview::preview_doc,
))]
pub struct ApiDoc;

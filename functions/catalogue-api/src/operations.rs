pub(crate) mod change;
pub(crate) mod read;
pub(crate) mod rules;

use http_api::Outages;
use utoipa::OpenApi;

/// This function's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(modifiers(&Outages), paths(
    read::list_doc,
    read::get_doc,
    change::put_doc,
    change::archive_doc,
    read::versions_doc,
    rules::get_doc,
    rules::put_doc,
))]
pub struct ApiDoc;

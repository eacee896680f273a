pub(crate) mod activate;
pub(crate) mod create;
mod form;
pub(crate) mod records;
pub(crate) mod test_send;
mod upload;

use http_api::Outages;
use utoipa::OpenApi;

/// This function's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(modifiers(&Outages), paths(
    create::create_doc,
    records::list_doc,
    records::get_doc,
    records::delete_doc,
    activate::activate_doc,
    activate::roll_back_doc,
    test_send::test_doc,
))]
pub struct ApiDoc;

pub(crate) mod explain;
pub(crate) mod expunge;
pub(crate) mod pushes;
pub(crate) mod report;
pub(crate) mod told;
pub(crate) mod why;

use http_api::Outages;
use utoipa::OpenApi;

/// This function's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(modifiers(&Outages), paths(
    report::report_doc,
    explain::explain_doc,
    pushes::list_doc,
    why::explain_doc,
    expunge::expunge_doc
))]
pub struct ApiDoc;

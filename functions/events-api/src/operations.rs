pub(crate) mod explain;
pub(crate) mod report;

use utoipa::OpenApi;

/// This function's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(report::report_doc, explain::explain_doc))]
pub struct ApiDoc;

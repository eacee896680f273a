//! What every operation may answer when it is not the caller's fault, for the OpenAPI document.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};

/// Documents 500 and 503 of every operation that does not do so itself, in the form of its other
/// refusals.
#[derive(Debug)]
pub struct Outages;

const ANSWERS: [(&str, &str); 2] = [
    (
        "500",
        "Fanfare failed, and it is not known whether anything was done; the operator's log has the reason, under this answer's x-request-id",
    ),
    (
        "503",
        "Cannot be answered at this moment; repeat it, after the time in Retry-After if there is one",
    ),
];

impl utoipa::Modify for Outages {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in operations(item) {
                for (status, description) in ANSWERS {
                    let answer = refusal(operation, description);
                    let known = &mut operation.responses.responses;
                    known.entry(status.to_owned()).or_insert(answer);
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn refusal(operation: &Operation, description: &str) -> RefOr<Response> {
    let like = operation.responses.responses.get("4XX");
    let content = match like {
        Some(RefOr::T(response)) => response.content.clone(),
        Some(RefOr::Ref(_)) | None => {
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            let kind = "application/problem+json".to_owned();
            [(kind, RefOr::T(problem))].into_iter().collect()
        }
    };
    let mut answer = ResponseBuilder::new().description(description).build();
    answer.content = content;
    RefOr::T(answer)
}

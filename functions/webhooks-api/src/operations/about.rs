//! What the API says about itself, to everyone.

use http_api::{CATALOGUE, Call, Failure, Problem, ProblemBody, Reply};

use crate::Deps;
use crate::shape::{Egress, Health};

/// Generated from the code; the contract test keeps it so.
const DOCUMENT: &str = include_str!("../../openapi.json");

#[utoipa::path(
    get,
    path = "/v1/health",
    operation_id = "getHealth",
    tag = "About",
    summary = "Whether the API answers",
    responses((status = 200, description = "It does", body = Health))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `health`")]
pub(crate) fn health_doc() {}

pub(crate) fn health() -> Reply {
    Reply::json(
        200,
        &Health {
            status: "ok",
            version: env!("CARGO_PKG_VERSION"),
        },
    )
}

#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    operation_id = "getOpenApi",
    tag = "About",
    summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `openapi`")]
pub(crate) fn openapi_doc() {}

pub(crate) fn openapi() -> Reply {
    Reply::text(200, "application/json", DOCUMENT.to_owned())
}

#[utoipa::path(
    get,
    path = "/v1/problems/{id}",
    operation_id = "getProblem",
    tag = "About",
    summary = "What a problem means and what to do",
    params(("id" = String, Path, description = "The last part of a problem's type")),
    responses(
        (status = 200, description = "Markdown", body = String, content_type = "text/markdown; charset=utf-8"),
        (status = 404, description = "There is no such problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `problem`")]
pub(crate) fn problem_doc() {}

pub(crate) fn problem(call: &Call) -> Result<Reply, Failure> {
    let entry = CATALOGUE
        .iter()
        .find(|entry| entry.id == call.parameter("id"));
    let entry = entry.ok_or(Problem::NotFound { what: "problem" })?;
    Ok(Reply::text(
        200,
        "text/markdown; charset=utf-8",
        entry.page.to_owned(),
    ))
}

#[utoipa::path(
    get,
    path = "/v1/egress",
    operation_id = "getEgress",
    tag = "About",
    summary = "The addresses that webhooks come from",
    responses((status = 200, description = "For allow lists", body = Egress))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `egress`")]
pub(crate) fn egress_doc() {}

pub(crate) fn egress(deps: &Deps) -> Reply {
    let addresses = deps.egress.clone();
    let fixed = !addresses.is_empty();
    let explanation = if fixed {
        "webhooks come from these addresses and no others"
    } else {
        "this deployment has no fixed addresses; verify signatures, or deploy with FixedEgress=true"
    };
    Reply::json(
        200,
        &Egress {
            fixed,
            addresses,
            explanation,
        },
    )
}

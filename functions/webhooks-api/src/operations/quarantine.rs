use http_api::{Call, Failure, ProblemBody, Reply};

use crate::Deps;
use crate::shape::{QuarantinePage, QuarantinedMessage};
use http_api::page::limit;

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/quarantine",
    operation_id = "listQuarantine",
    tag = "Deliveries",
    summary = "Messages that could not be worked on, newest first",
    description = "Messages that name no network are listed only where the operator looks: in the table, under `Q#_`.",
    params(("network" = String, Path, description = "The network (tenant)"), ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent")),
    responses(
        (status = 200, description = "The newest", body = QuarantinePage),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["limit"])?;
    let limit = u16::try_from(limit(&call)?).unwrap_or(u16::MAX);
    let messages = deps
        .store
        .list_quarantined(Some(&call.network()?), limit)
        .await?;
    Ok(Reply::json(
        200,
        &QuarantinePage {
            items: messages.into_iter().map(QuarantinedMessage::of).collect(),
        },
    ))
}

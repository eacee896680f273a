//! Messages that could not be worked on: seen, sent back, or given up. Those of a network by its own
//! keys; those that name none, which could be anybody's, by the operator's key alone.

use std::time::Duration;

use domain::id::NetworkId;
use http_api::page::{cursor, limit, next_cursor};
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use queue::Outgoing;
use store::{QuarantineId, Quarantined};

use crate::Deps;
use crate::operations::send_back;
use crate::shape::{QuarantinePageBody, QuarantinedMessage};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/quarantine",
    operation_id = "listQuarantine",
    tag = "Deliveries",
    summary = "Messages that could not be worked on, newest first",
    description = "Messages that name no network are the operator's: `GET /v1/quarantine`.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page, each body cut to its start", body = QuarantinePageBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(
    deps: &Deps,
    network: Option<NetworkId>,
    call: Call,
) -> Result<Reply, Failure> {
    call.only_queries(&["limit", "cursor"])?;
    let (limit, before) = (limit(&call)?, cursor(&call, QuarantineId::parse)?);
    let page = deps
        .store
        .list_quarantined(network.as_ref(), before.as_ref(), limit)
        .await?;
    Ok(Reply::json(
        200,
        &QuarantinePageBody {
            items: page
                .messages
                .iter()
                .map(QuarantinedMessage::start)
                .collect(),
            next_cursor: page.next.map(|id| next_cursor(&call, &id.to_string())),
        },
    ))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/quarantine/{id}",
    operation_id = "getQuarantined",
    tag = "Deliveries",
    summary = "One of them, with its whole body",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The message's id here")),
    responses(
        (status = 200, description = "The message", body = QuarantinedMessage),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(
    deps: &Deps,
    network: Option<NetworkId>,
    call: Call,
) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let message = find(deps, network.as_ref(), &call).await?;
    Ok(Reply::json(200, &QuarantinedMessage::whole(&message)))
}

/// The message named in the path.
async fn find(
    deps: &Deps,
    network: Option<&NetworkId>,
    call: &Call,
) -> Result<Quarantined, Failure> {
    const NOT_FOUND: Problem = Problem::NotFound {
        what: "quarantined message",
    };
    let id = QuarantineId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let found = deps.store.quarantined(network, &id).await?;
    Ok(found.ok_or(NOT_FOUND)?)
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/quarantine/{id}/replay",
    operation_id = "replayQuarantined",
    tag = "Deliveries",
    summary = "Send a quarantined message back to the queue it came from",
    description = "For when its cause is mended. If it is not, the message comes back here under a new id. A message of Fanfare's own gets as many tries as a new one, and nothing that was done of it is done twice: a page of people goes on where it was, and a push that was given up is owed again. 409 if the push ended another way or is forgotten, if the event of a page is forgotten, which is listed until it is discarded, or if nobody knows which queue the message is from.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The message's id here")),
    responses(
        (status = 202, description = "It is on its queue, and no longer here", body = QuarantinedMessage),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `replay`")]
pub(crate) fn replay_doc() {}

pub(crate) async fn replay(
    deps: &Deps,
    network: Option<NetworkId>,
    call: Call,
) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let message = find(deps, network.as_ref(), &call).await?;
    let (queue, body) = send_back::prepare(deps, &message).await?;
    let outgoing = Outgoing {
        body,
        group: group(network.as_ref()),
        delay: Duration::ZERO,
    };
    // The queue first: a crash in between leaves it in both places rather than in none.
    for sent in queue.send(&[outgoing]).await {
        sent?;
    }
    deps.store
        .forget_quarantined(network.as_ref(), &message.id())
        .await?;
    Ok(Reply::json(202, &QuarantinedMessage::whole(&message)))
}

/// The message group: a network's own, so that it delays nobody else. No network has a name like the
/// other.
fn group(network: Option<&NetworkId>) -> String {
    network.map_or_else(|| "_".to_owned(), ToString::to_string)
}

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/quarantine/{id}",
    operation_id = "discardQuarantined",
    tag = "Deliveries",
    summary = "Give up a quarantined message for good",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The message's id here")),
    responses(
        (status = 204, description = "It is gone"),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `discard`")]
pub(crate) fn discard_doc() {}

pub(crate) async fn discard(
    deps: &Deps,
    network: Option<NetworkId>,
    call: Call,
) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let message = find(deps, network.as_ref(), &call).await?;
    deps.store
        .forget_quarantined(network.as_ref(), &message.id())
        .await?;
    Ok(Reply::no_content())
}

#[utoipa::path(
    get,
    path = "/v1/quarantine",
    operation_id = "listUnownedQuarantine",
    tag = "Operator",
    summary = "Messages that name no network, newest first",
    description = "They could be anybody's, so no key of a network sees them: these four paths need a key with the scope `operator`, which `fanfare key --scopes operator` makes. The messages of a network are at `/v1/networks/{network}/quarantine`.",
    params(
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page, each body cut to its start", body = QuarantinePageBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(
    dead_code,
    reason = "carries the OpenAPI description of `list` for the operator"
)]
pub(crate) fn list_unowned_doc() {}

#[utoipa::path(
    get,
    path = "/v1/quarantine/{id}",
    operation_id = "getUnownedQuarantined",
    tag = "Operator",
    summary = "One of them, with its whole body",
    params(("id" = String, Path, description = "The message's id here")),
    responses(
        (status = 200, description = "The message", body = QuarantinedMessage),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(
    dead_code,
    reason = "carries the OpenAPI description of `get` for the operator"
)]
pub(crate) fn get_unowned_doc() {}

#[utoipa::path(
    post,
    path = "/v1/quarantine/{id}/replay",
    operation_id = "replayUnownedQuarantined",
    tag = "Operator",
    summary = "Send a message that names no network back to the queue it came from",
    description = "As it is: only messages that name their network are changed. If nothing that reads it was upgraded since, the message comes back here under a new id.",
    params(("id" = String, Path, description = "The message's id here")),
    responses(
        (status = 202, description = "It is on its queue, and no longer here", body = QuarantinedMessage),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(
    dead_code,
    reason = "carries the OpenAPI description of `replay` for the operator"
)]
pub(crate) fn replay_unowned_doc() {}

#[utoipa::path(
    delete,
    path = "/v1/quarantine/{id}",
    operation_id = "discardUnownedQuarantined",
    tag = "Operator",
    summary = "Give up a message that names no network for good",
    params(("id" = String, Path, description = "The message's id here")),
    responses(
        (status = 204, description = "It is gone"),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(
    dead_code,
    reason = "carries the OpenAPI description of `discard` for the operator"
)]
pub(crate) fn discard_unowned_doc() {}

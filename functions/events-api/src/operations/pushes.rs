//! What became of an event's push, person by person.

use domain::id::EventId;
use http_api::page::{cursor, limit, next_cursor};
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{MAX_BATCH, PushCursor, SUBSCRIBER_SHARDS, StoredPush, USER_SHARDS, Walk};

use crate::Deps;
use crate::operations::told::{told, words};
use crate::shape::push::{PushItem, PushProgress, PushesBody};

const NOT_FOUND: Problem = Problem::NotFound {
    what: "event with a push (one just accepted may take a moment to appear)",
};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/events/{id}/pushes",
    operation_id = "listPushes",
    tag = "Events",
    summary = "What became of the event's push, per person and device",
    description = "Also how far it has come: a broadcast walks everybody, which may take a while.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The event's id"),
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = PushesBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["limit", "cursor"])?;
    let network = call.network()?;
    let (limit, after) = (limit(&call)?, cursor(&call, PushCursor::parse)?);
    let id = EventId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let push = deps.store.push(&network, &id).await?.ok_or(NOT_FOUND)?;
    let walks = deps.store.walks(&network, &id).await?;
    let page = deps.store.list_pushes(&network, &id, after, limit).await?;
    let items = page.records.iter().map(|record| PushItem {
        user_id: record.user.to_string(),
        device_id: record.device.as_ref().map(ToString::to_string),
        state: record.state.word(),
        explanation: words(record),
        stopped_by: record.trail.stop().map(told),
        attempts: record.attempts,
        at: record.at.to_string(),
    });
    Ok(Reply::json(
        200,
        &PushesBody {
            event_id: id.to_string(),
            event: push.content.name(&push.event_type).to_owned(),
            audience: push.audience.clone(),
            progress: progress(&push, &walks),
            items: items.collect(),
            next_cursor: page
                .next
                .map(|place| next_cursor(&call, &place.to_string())),
        },
    ))
}

pub(crate) fn progress(push: &StoredPush, walks: &[Walk]) -> PushProgress {
    let pages = push.targets.div_ceil(u64::try_from(MAX_BATCH).unwrap_or(1));
    let total = match push.audience.as_str() {
        "targets" => pages,
        "subscribers" => u64::from(SUBSCRIBER_SHARDS),
        _ => u64::from(USER_SHARDS),
    };
    let done = walks.iter().filter(|walk| walk.next.is_none()).count();
    let done = u64::try_from(done).unwrap_or_default();
    let sum = |of: fn(&Walk) -> u64| walks.iter().map(of).sum();
    PushProgress {
        people: sum(|walk| walk.users),
        owed: sum(|walk| walk.owed),
        stopped: sum(|walk| walk.gated),
        parts_done: done,
        parts: total,
        finished: done >= total,
    }
}

use domain::catalogue;
use domain::event_type::EventType;
use domain::operational;
use http_api::page::{self, cursor, limit_within};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, etag};

use crate::Deps;
use crate::shape::{EventTypeBody, EventTypePage, EventTypeVersions, VersionBody};

/// Items per page when the caller does not say.
const DEFAULT_LIMIT: usize = 20;
/// As many with the longest schema and example fit one answer of Lambda, 6 MB.
const MAX_LIMIT: usize = 50;

pub(super) const NOT_FOUND: Problem = Problem::NotFound { what: "event type" };

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/event-types",
    operation_id = "listEventTypes",
    tag = "Event types",
    summary = "Event types in order of name, with schemas and examples",
    description = "The built-in ones, those that Fanfare itself reports (`operational`), and the network's own, archived ones too.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("limit" = Option<u16>, Query, description = "1 to 50, 20 if absent", minimum = 1, maximum = 50),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = EventTypePage),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["limit", "cursor"])?;
    let (limit, after) = (
        limit_within(&call, DEFAULT_LIMIT, MAX_LIMIT)?,
        cursor(&call, EventType::parse)?,
    );
    let network = call.network()?;
    // One more than asked for tells whether there is another page.
    let own = deps.store.own_types(&network, after.as_ref(), limit + 1);
    let own = own.await?;
    let built_in = catalogue::built_in().iter();
    let built_in = built_in.filter(|known| after.as_ref().is_none_or(|after| known.name > *after));
    let mut items: Vec<_> = own.iter().map(EventTypeBody::own).collect();
    items.extend(built_in.take(limit + 1).map(EventTypeBody::built_in));
    let ours = operational::described().iter();
    let ours = ours.filter(|known| after.as_ref().is_none_or(|after| known.name > *after));
    items.extend(ours.take(limit + 1).map(EventTypeBody::operational));
    items.sort_by(|a, b| a.name.cmp(&b.name));
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|last| page::next_cursor(&call, &last.name));
    Ok(Reply::json(200, &EventTypePage { items, next_cursor }))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/event-types/{name}",
    operation_id = "getEventType",
    tag = "Event types",
    summary = "One event type",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("name" = String, Path, description = "Its name, a slash in it as %2F"),
    ),
    responses(
        (status = 200, description = "The event type; the ETag of an own one is for If-Match", body = EventTypeBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let name = EventType::parse(call.parameter("name")).ok_or(NOT_FOUND)?;
    if let Some(built_in) = catalogue::find(&name) {
        return Ok(Reply::json(200, &EventTypeBody::built_in(built_in)));
    }
    if let Some(ours) = operational::find(&name) {
        return Ok(Reply::json(200, &EventTypeBody::operational(ours)));
    }
    let own = deps.store.own_type(&call.network()?, &name).await?;
    let own = own.ok_or(NOT_FOUND)?;
    Ok(Reply::json(200, &EventTypeBody::own(&own)).header("etag", &etag(own.version)))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/event-types/{name}/versions",
    operation_id = "listEventTypeVersions",
    tag = "Event types",
    summary = "What an own event type was, newest first",
    description = "The last 100 versions are kept. Built-in types change with Fanfare only, and have none.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("name" = String, Path, description = "Its name, a slash in it as %2F"),
        ("limit" = Option<u16>, Query, description = "1 to 50, 20 if absent", minimum = 1, maximum = 50),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = EventTypeVersions),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `versions`")]
pub(crate) fn versions_doc() {}

pub(crate) async fn versions(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["limit", "cursor"])?;
    let (limit, before) = (
        limit_within(&call, DEFAULT_LIMIT, MAX_LIMIT)?,
        cursor(&call, |text| text.parse::<u64>().ok())?,
    );
    let name = EventType::parse(call.parameter("name")).ok_or(NOT_FOUND)?;
    let network = call.network()?;
    let versions = deps
        .store
        .own_type_versions(&network, &name, before, limit + 1);
    let versions = versions.await?;
    let fixed = catalogue::find(&name).is_some() || operational::find(&name).is_some();
    if versions.is_empty() && before.is_none() && !fixed {
        return Err(NOT_FOUND.into());
    }
    let more = versions.len() > limit;
    let items: Vec<_> = versions.iter().take(limit).map(VersionBody::of).collect();
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|last| page::next_cursor(&call, &last.version.to_string()));
    Ok(Reply::json(200, &EventTypeVersions { items, next_cursor }))
}

use ::rules::Schema;
use domain::catalogue::{MAX_DESCRIPTION, MAX_EXAMPLE, NameError, OwnType, own_name};
use domain::event_type::EventType;
use domain::field::FieldError;
use domain::id::NetworkId;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, etag, parse_json};
use serde_json::Value;
use store::{MAX_OWN_TYPES, TypeChange};

use super::read::NOT_FOUND;
use crate::Deps;
use crate::shape::{EventTypeBody, PutEventType};

/// Largest request: a schema, an example, a description, and room for escapes.
const MAX_BODY: usize = 128 * 1024;

/// How often a change is built anew on someone else's.
const MAX_ROUNDS: u32 = 3;

#[utoipa::path(
    put,
    path = "/v1/networks/{network}/event-types/{name}",
    operation_id = "putEventType",
    tag = "Event types",
    summary = "Define an event type of the network's own, or change it",
    description = "A change makes a new version; the same again changes nothing. It brings an archived type back. At most 500 own types that are not archived. Fanfare notices within five seconds.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("name" = String, Path, description = "Its name, a slash in it as %2F; neither built-in nor operational"),
        ("If-Match" = Option<String>, Header, description = "Change only this version"),
    ),
    request_body = PutEventType,
    responses(
        (status = 200, description = "Changed, or the same as before", body = EventTypeBody),
        (status = 201, description = "Defined", body = EventTypeBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `put`")]
pub(crate) fn put_doc() {}

pub(crate) async fn put(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    let request: PutEventType = parse_json(&body)?;
    let wanted = checked(call.parameter("name"), &request, deps.platform.clock.now())?;
    let change = |before: Option<&OwnType>| {
        let unchanged = before.is_some_and(|before| same(before, &wanted));
        Ok((!unchanged).then(|| wanted.clone()))
    };
    let (fresh, own) = changed(deps, &call, &network, &wanted.name, change).await?;
    let reply = Reply::json(if fresh { 201 } else { 200 }, &EventTypeBody::own(&own));
    Ok(reply.header("etag", &etag(own.version)))
}

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/event-types/{name}",
    operation_id = "archiveEventType",
    tag = "Event types",
    summary = "Archive an own event type",
    description = "It stays readable, with its versions. Strict networks refuse its events from now on; others take them unchecked. Defining it again brings it back.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("name" = String, Path, description = "Its name, a slash in it as %2F"),
        ("If-Match" = Option<String>, Header, description = "Archive only this version"),
    ),
    responses(
        (status = 204, description = "Archived"),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `archive`")]
pub(crate) fn archive_doc() {}

pub(crate) async fn archive(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let name = own_name(call.parameter("name")).map_err(|error| match error {
        NameError::Format => NOT_FOUND,
        NameError::BuiltIn | NameError::Operational | NameError::Versions => refused_name(error),
    })?;
    let at = deps.platform.clock.now();
    let change = |before: Option<&OwnType>| {
        let before = before.ok_or(NOT_FOUND)?;
        Ok((!before.archived).then(|| OwnType {
            archived: true,
            at,
            ..before.clone()
        }))
    };
    changed(deps, &call, &network, &name, change).await?;
    Ok(Reply::no_content())
}

/// Makes a change on the type as it is, whatever else changes at the same time; `None` as the
/// change leaves it so. Tells whether the type is new, and what it is now.
async fn changed(
    deps: &Deps,
    call: &Call,
    network: &NetworkId,
    name: &EventType,
    change: impl Fn(Option<&OwnType>) -> Result<Option<OwnType>, Problem>,
) -> Result<(bool, OwnType), Failure> {
    for _ in 0..MAX_ROUNDS {
        let before = deps.store.own_type(network, name).await?;
        let version = before.as_ref().map_or(0, |before| before.version);
        call.if_match(version)?;
        let Some(next) = change(before.as_ref())? else {
            return Ok((false, before.ok_or(NOT_FOUND)?));
        };
        let next = OwnType {
            version: version.saturating_add(1),
            ..next
        };
        let done = deps.store.change_own_type(network, before.as_ref(), &next);
        match done.await? {
            TypeChange::Made => return Ok((before.is_none(), next)),
            TypeChange::Raced => {}
            TypeChange::Full => {
                return Err(Problem::LimitReached {
                    what: "event types of its own",
                    most: MAX_OWN_TYPES,
                }
                .into());
            }
        }
    }
    Err(Problem::PreconditionFailed.into())
}

fn same(before: &OwnType, wanted: &OwnType) -> bool {
    !before.archived
        && before.description == wanted.description
        && before.schema == wanted.schema
        && before.example == wanted.example
}

/// The type that a request asks for, its version left open.
fn checked(name: &str, request: &PutEventType, at: Timestamp) -> Result<OwnType, Problem> {
    let name = own_name(name).map_err(refused_name)?;
    let mut errors = Vec::new();
    let description = request.description.clone().filter(|text| !text.is_empty());
    let length = description.as_ref().map_or(0, |text| text.chars().count());
    if length > MAX_DESCRIPTION {
        let message = format!("must have at most {MAX_DESCRIPTION} characters");
        errors.push(FieldError::new("description", "too_long", message));
    }
    let example = request.example.get();
    if !example.starts_with('{') {
        errors.push(FieldError::new("example", "type", "must be a JSON object"));
    } else if example.len() > MAX_EXAMPLE {
        let message = format!("must have at most {MAX_EXAMPLE} bytes");
        errors.push(FieldError::new("example", "too_long", message));
    }
    match Schema::parse(request.schema.get()) {
        Err(error) => errors.push(error.of_field("schema")),
        Ok(schema) if errors.is_empty() => {
            let example: Value = serde_json::from_str(example).unwrap_or_default();
            let broken = schema.violations(&example).into_iter();
            errors.extend(broken.map(|violation| violation.of_field("example")));
        }
        Ok(_) => {}
    }
    if !errors.is_empty() {
        return Err(Problem::InvalidFields(errors));
    }
    Ok(OwnType {
        name,
        description,
        schema: request.schema.get().to_owned(),
        example: example.to_owned(),
        version: 0,
        archived: false,
        at,
    })
}

fn refused_name(error: NameError) -> Problem {
    let error = FieldError::new("name", error.rule(), error.to_string());
    Problem::InvalidFields(vec![error])
}

//! Why somebody was told of an event, or was not.

use domain::field::FieldError;
use domain::id::EventId;
use domain::push::device::UserId;
use domain::push::gate::{Ground, Trail};
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{PushRecord, StoredPush, Walk};

use crate::Deps;
use crate::operations::pushes::progress;
use crate::operations::told::{told, words};
use crate::shape::push::{DeviceOutcome, ExplainBody};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/explain",
    operation_id = "explainPush",
    tag = "Events",
    summary = "Why a user was pushed an event, or was not",
    description = "For each gate what was decided and by which setting, and for each device what the provider said.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("event" = String, Query, description = "The event's id"),
        ("user" = String, Query, description = "The user's id"),
    ),
    responses(
        (status = 200, description = "The explanation", body = ExplainBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `explain`")]
pub(crate) fn explain_doc() {}

pub(crate) async fn explain(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["event", "user"])?;
    let network = call.network()?;
    let (event, user) = asked(&call)?;
    let answer = |explanation: String, trail: &Trail, records: &[PushRecord]| {
        Reply::json(
            200,
            &ExplainBody {
                event_id: event.to_string(),
                user_id: user.to_string(),
                explanation,
                gates: trail.grounds().iter().copied().map(told).collect(),
                devices: records.iter().filter_map(outcome).collect(),
            },
        )
    };
    let Some(push) = deps.store.push(&network, &event).await? else {
        let known = deps.store.event(&network, &event).await?.is_some();
        let what = "event (one just accepted may take a moment to appear)";
        if !known {
            return Err(Problem::NotFound { what }.into());
        }
        let say = "the event asked for no push: it was reported without `push`";
        return Ok(answer(say.to_owned(), &Trail::default(), &[]));
    };
    let records = deps.store.user_pushes(&network, &event, &user).await?;
    if records.is_empty() {
        let walks = deps.store.walks(&network, &event).await?;
        let (say, trail) = unmet(&push, &walks);
        return Ok(answer(say, &trail, &[]));
    }
    let each: Vec<_> = records.iter().map(line).collect();
    // A person's gates are the same for each device, so the longest trail has them all.
    let trails = records.iter().map(|record| record.trail.clone());
    let trail = trails.max_by_key(|trail| trail.grounds().len());
    Ok(answer(
        each.join("; "),
        &trail.unwrap_or_default(),
        &records,
    ))
}

fn asked(call: &Call) -> Result<(EventId, UserId), Problem> {
    let event = call.query("event").and_then(EventId::parse);
    let user = call.query("user").and_then(UserId::parse);
    let mut errors = Vec::new();
    if event.is_none() {
        errors.push(FieldError::new("event", "format", EventId::RULE));
    }
    if user.is_none() {
        errors.push(FieldError::new("user", "format", UserId::RULE));
    }
    event.zip(user).ok_or(Problem::InvalidFields(errors))
}

/// Why there is no record of a person, and the gate that this amounts to, if one does: whoever walks
/// an audience meets nobody who would stop there.
fn unmet(push: &StoredPush, walks: &[Walk]) -> (String, Trail) {
    let reached = progress(push, walks);
    if !reached.finished {
        let say = format!(
            "the push has not come to this user yet: {} of {} parts of its audience are done",
            reached.parts_done, reached.parts
        );
        return (say, Trail::default());
    }
    let (say, ground) = match push.audience.as_str() {
        "targets" => ("the event did not name this user in push.targetIds", None),
        "subscribers" => (
            "the user had not subscribed to the channel or community of the event",
            Some(Ground::PlaceNotSubscribed),
        ),
        _ => (
            "the user had no device when the broadcast came to them",
            Some(Ground::DeviceNone),
        ),
    };
    let trail = ground.map(|ground| Trail::default().and(ground));
    (say.to_owned(), trail.unwrap_or_default())
}

fn line(record: &PushRecord) -> String {
    match &record.device {
        Some(device) => format!("device {device}: {}", words(record)),
        None => words(record),
    }
}

fn outcome(record: &PushRecord) -> Option<DeviceOutcome> {
    Some(DeviceOutcome {
        device_id: record.device.as_ref()?.to_string(),
        state: record.state.word(),
        explanation: words(record),
        credential: record.trail.grounds().last().copied().map(told)?,
        attempts: record.attempts,
        at: record.at.to_string(),
    })
}

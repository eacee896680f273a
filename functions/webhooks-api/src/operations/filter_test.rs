//! Trying a filter before it is saved.

use domain::catalogue;
use domain::envelope;
use domain::event::{Draft, Event, Origin};
use domain::event_type::EventType;
use domain::field::FieldError;
use domain::filter::Filter;
use domain::id::{EventId, NetworkId};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};

use super::create::MAX_BODY;
use super::examples;
use crate::Deps;
use crate::shape::{FilterTest, FilterTested, SampleEvent};
use http_api::page::invalid;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/filter-test",
    operation_id = "testFilter",
    tag = "Webhooks",
    summary = "Try a filter on an event",
    description = "Nothing is stored or sent. The filter sees the event as a webhook of the `fanfare` format would carry it.",
    params(("network" = String, Path, description = "The network (tenant)")),
    request_body = FilterTest,
    responses(
        (status = 200, description = "Whether the event passes, and what it fails", body = FilterTested),
        (status = "4XX", description = "Refused; a mistake in the filter is told with its position", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `test`")]
pub(crate) fn test_doc() {}

pub(crate) async fn test(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: FilterTest = parse_json(&body)?;
    let filter = Filter::parse(request.filter.get())
        .map_err(|error| Problem::InvalidFields(vec![error.of_field("filter")]))?;
    let sample = match (request.event, request.sample) {
        (Some(event), None) => event,
        (None, Some(name)) => example(deps, &call.network()?, &name).await?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(invalid("event", "give either an event or the name of a sample").into());
        }
    };
    let event = event(deps, &call, &sample)?;
    let failed = filter.mismatches(&envelope::value(&event));
    Ok(Reply::json(200, &FilterTested::of(&failed)))
}

/// The example event of a type.
async fn example(deps: &Deps, network: &NetworkId, name: &str) -> Result<SampleEvent, Failure> {
    let data = match EventType::parse(name) {
        Some(name) => examples::find(deps, network, &name).await?,
        None => None,
    };
    Ok(SampleEvent {
        event: name.to_owned(),
        data: data.ok_or_else(|| unknown("sample", name))?,
        id: None,
        timestamp: None,
        version: None,
    })
}

/// No type of this name has an example.
fn unknown(field: &str, name: &str) -> Problem {
    let names = catalogue::built_in()
        .iter()
        .map(|known| known.name.as_str());
    let message = catalogue::nearest(name, names).map_or_else(
        || "has no example; give an event instead".to_owned(),
        |near| format!("has no example; did you mean {near}?"),
    );
    Problem::InvalidFields(vec![FieldError::new(field, "unknown", message)])
}

/// The event that accepting the sample now would make.
fn event(deps: &Deps, call: &Call, sample: &SampleEvent) -> Result<Event, Problem> {
    let draft = Draft {
        id: sample.id.as_deref(),
        event: &sample.event,
        data: &sample.data,
        timestamp: sample.timestamp.as_deref(),
        version: sample.version.as_deref(),
        push: None,
        // Operational events can be filtered like all others.
        origin: Origin::Fanfare,
    };
    let mut checked = draft.check().map_err(|errors| {
        let inside = errors.into_iter().map(|error| FieldError {
            field: format!("event.{}", error.field),
            ..error
        });
        Problem::InvalidFields(inside.collect())
    })?;
    let now = deps.platform.clock.now();
    let fresh = || EventId::generate(now, deps.platform.random.bytes());
    let id = checked.id.take().unwrap_or_else(fresh);
    Ok(checked.accept(call.network()?, id, now))
}

use std::time::Duration;

use domain::event::{Checked, MAX_BYTES};
use domain::field::FieldError;
use domain::id::{EventId, NetworkId};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use queue::message::{MAX_MESSAGE, write_event};
use queue::{Outgoing, SendError};
use serde_json::value::RawValue;
use telemetry::event::RequestFailed;

use crate::Deps;
use crate::shape::{
    AcceptedEvent, AcceptedEvents, EventItem, EventRequest, EventsAccepted, EventsRequest,
};

/// Most events in one array: ten SQS batches.
const MAX_EVENTS: usize = 100;

/// Largest request body. Lambda hands a function at most 6 MB, base64 included.
const MAX_BODY: usize = 4 * 1024 * 1024;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/events",
    operation_id = "reportEvents",
    tag = "Events",
    summary = "Report one event, or up to 100",
    description = "A 202 means stored: every matching endpoint will be delivered to. The same `id` again is answered the same and delivered once.",
    params(("network" = String, Path, description = "The network (tenant)")),
    request_body = EventsRequest<'_>,
    responses(
        (status = 202, description = "Stored", body = EventsAccepted),
        (status = "4XX", description = "Refused; nothing was stored", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not stored; repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `report`")]
pub(crate) fn report_doc() {}

pub(crate) async fn report(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    if body.trim_ascii_start().starts_with(b"[") {
        report_many(deps, &network, &body).await
    } else {
        report_one(deps, &network, &body).await
    }
}

async fn report_one(deps: &Deps, network: &NetworkId, body: &[u8]) -> Result<Reply, Failure> {
    let (id, outgoing) = accept(deps, network, body)?;
    match deps.events.send(&[outgoing]).await.pop() {
        Some(Ok(())) => {
            let place = format!("/v1/networks/{network}/events/{id}");
            Ok(Reply::json(202, &AcceptedEvent { id: id.to_string() }).header("location", &place))
        }
        Some(Err(error)) => Err(not_stored(deps, &error).into()),
        None => Err(Problem::Internal.into()),
    }
}

/// Each item stands for itself: one that breaks a rule does not keep its neighbours out.
async fn report_many(deps: &Deps, network: &NetworkId, body: &[u8]) -> Result<Reply, Failure> {
    let items: Vec<&RawValue> = parse_json(body)?;
    if !(1..=MAX_EVENTS).contains(&items.len()) {
        let error = FieldError::new(
            "",
            "count",
            format!("an array must hold 1 to {MAX_EVENTS} events"),
        );
        return Err(Problem::InvalidFields(vec![error]).into());
    }
    let mut outgoing = Vec::with_capacity(items.len());
    let checked: Vec<_> = items
        .iter()
        .map(|item| {
            let (id, message) = accept(deps, network, item.get().as_bytes())?;
            outgoing.push(message);
            Ok(AcceptedEvent { id: id.to_string() })
        })
        .collect();
    let mut sent = deps.events.send(&outgoing).await.into_iter();
    let items = checked.into_iter().map(|checked| {
        let stored = checked.and_then(|accepted| match sent.next() {
            Some(Ok(())) => Ok(accepted),
            Some(Err(error)) => Err(not_stored(deps, &error)),
            None => Err(Problem::Internal),
        });
        match stored {
            Ok(accepted) => EventItem::Accepted(accepted),
            Err(problem) => EventItem::Refused {
                error: problem.body(),
            },
        }
    });
    let items = items.collect();
    Ok(Reply::json(202, &AcceptedEvents { items }))
}

/// The queue did not confirm an event: the producer is to repeat it, the operator to look.
fn not_stored(deps: &Deps, error: &SendError) -> Problem {
    let event = RequestFailed {
        operation: "reportEvents",
        request_id: None,
        error: error.to_string(),
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
    Problem::Unavailable
}

/// Checks one event and makes its queue message.
fn accept(deps: &Deps, network: &NetworkId, body: &[u8]) -> Result<(EventId, Outgoing), Problem> {
    if body.len() > MAX_MESSAGE {
        return Err(Problem::PayloadTooLarge { limit: MAX_BYTES });
    }
    let request: EventRequest<'_> = parse_json(body)?;
    let push = request.push.map_or(0, |push| push.get().len());
    if body.len().saturating_sub(push) > MAX_BYTES {
        return Err(Problem::PayloadTooLarge { limit: MAX_BYTES });
    }
    let checked: Checked = request.draft().check().map_err(Problem::InvalidFields)?;
    let id = checked.id.clone().unwrap_or_else(|| {
        EventId::generate(deps.platform.clock.now(), deps.platform.random.bytes())
    });
    let body = write_event(network, &id, &checked);
    // Escapes can make the message longer than the request.
    if body.len() > MAX_MESSAGE {
        return Err(Problem::PayloadTooLarge { limit: MAX_BYTES });
    }
    Ok((
        id,
        Outgoing {
            body,
            group: network.to_string(),
            delay: Duration::ZERO,
        },
    ))
}

use std::time::Duration;

use domain::event::{Checked, MAX_BYTES};
use domain::field::FieldError;
use domain::id::{EventId, NetworkId};
use domain::network::Rules;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json, parse_json_list};
use queue::message::{MAX_MESSAGE, write_event};
use queue::{Outgoing, SendError};
use serde_json::value::RawValue;
use telemetry::chain::chain;
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
    description = "A 202 means stored: every matching endpoint will be delivered to. The same `id` again is answered the same and delivered once. A strict network (`PUT /settings`) takes only events of known types, with data that their schemas allow.",
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
    let rules = rules(deps, network).await;
    let (id, outgoing) = accept(deps, network, rules, body).await?;
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
    let items: Vec<&RawValue> = parse_json_list(body)?;
    if !(1..=MAX_EVENTS).contains(&items.len()) {
        let error = FieldError::new(
            "",
            "count",
            format!("an array must hold 1 to {MAX_EVENTS} events"),
        );
        return Err(Problem::InvalidFields(vec![error]).into());
    }
    let mut outgoing = Vec::with_capacity(items.len());
    let rules = rules(deps, network).await;
    let mut checked = Vec::with_capacity(items.len());
    for item in items {
        let accepted = accept(deps, network, rules, item.get().as_bytes()).await;
        checked.push(accepted.map(|(id, message)| {
            outgoing.push(message);
            AcceptedEvent { id: id.to_string() }
        }));
    }
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
    log(deps, error.to_string());
    Problem::Unavailable
}

fn log(deps: &Deps, error: String) {
    let event = RequestFailed {
        operation: "reportEvents",
        request_id: None,
        error,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
}

/// The network's rules; `None` while they cannot be read, which must not keep events out: fan-out
/// asks them then.
async fn rules(deps: &Deps, network: &NetworkId) -> Option<Rules> {
    let now = deps.platform.clock.now();
    let rules = deps.rules.rules(&deps.store, network, now).await;
    rules.map_err(|error| log(deps, chain(&error))).ok()
}

/// Whether the network's rules were asked.
///
/// # Errors
/// When they keep the event out.
async fn admitted(
    deps: &Deps,
    network: &NetworkId,
    rules: Option<Rules>,
    event: &Checked,
) -> Result<bool, Problem> {
    let Some(rules) = rules else {
        return Ok(false);
    };
    let (name, data) = (&event.event_type, event.data.get());
    let now = deps.platform.clock.now();
    let objections = deps
        .rules
        .objections(&deps.store, network, rules, name, data, now);
    match objections.await {
        Ok(errors) if errors.is_empty() => Ok(true),
        Ok(errors) => Err(Problem::EventNotAllowed(errors)),
        Err(error) => {
            log(deps, chain(&error));
            Ok(false)
        }
    }
}

/// Checks one event and makes its queue message.
async fn accept(
    deps: &Deps,
    network: &NetworkId,
    rules: Option<Rules>,
    body: &[u8],
) -> Result<(EventId, Outgoing), Problem> {
    if body.len() > MAX_MESSAGE {
        return Err(Problem::PayloadTooLarge { limit: MAX_BYTES });
    }
    let request: EventRequest<'_> = parse_json(body)?;
    let push = request.push.map_or(0, |push| push.get().len());
    if body.len().saturating_sub(push) > MAX_BYTES {
        return Err(Problem::PayloadTooLarge { limit: MAX_BYTES });
    }
    let checked: Checked = request.draft().check().map_err(Problem::InvalidFields)?;
    let admitted = admitted(deps, network, rules, &checked).await?;
    let id = checked.id.clone().unwrap_or_else(|| {
        EventId::generate(deps.platform.clock.now(), deps.platform.random.bytes())
    });
    let body = write_event(network, &id, &checked, admitted);
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

//! Sending an example to one endpoint, through everything a real event goes through.

use std::time::Duration;

use domain::event::data_fault;
use domain::event_type::EventType;
use domain::id::{EventId, NetworkId};
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use queue::Outgoing;
use queue::message::write_test;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::Delivery;
use utoipa::ToSchema;

use super::create::MAX_BODY;
use super::deliveries::shown;
use super::endpoints::find;
use super::examples;
use crate::Deps;
use crate::shape::DeliveryBody;
use http_api::page::invalid;

/// How long the attempt is waited for: API Gateway waits 30 s, and this function's own timeout
/// leaves room for the AWS calls around.
const PATIENCE: Duration = Duration::from_secs(12);

/// How often the record is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A test.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TestSend {
    /// Its example is sent: of the catalogue, of what Fanfare itself reports (`endpoint.disabled`), or
    /// of the network's own type. `GET …/event-types` lists them.
    #[schema(example = "message.didCreate")]
    pub(crate) event_type: String,
    /// Sent instead of the example.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(crate) data: Option<Box<RawValue>>,
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/test",
    operation_id = "testEndpoint",
    tag = "Webhooks",
    summary = "Send an example event and see what comes of it",
    description = "The example takes the way of every event: queue, fan-out, signature, guarded client, record. Types and filter of the endpoint are not asked. The event's id begins with `test_`.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The endpoint's id")),
    request_body = TestSend,
    responses(
        (status = 200, description = "The delivery with its first attempt", body = DeliveryBody),
        (status = 202, description = "The attempt is still under way; the delivery can be asked for", body = DeliveryBody),
        (status = "4XX", description = "Refused; nothing was sent", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `send`")]
pub(crate) fn send_doc() {}

pub(crate) async fn send(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: TestSend = parse_json(&body)?;
    let endpoint = find(deps, &call).await?;
    if !endpoint.is_enabled() {
        return Err(Problem::EndpointDisabled.into());
    }
    let event_type = EventType::parse(&request.event_type)
        .ok_or_else(|| invalid("eventType", EventType::RULE))?;
    let data = match request.data {
        Some(data) => match data_fault(&data) {
            None => data,
            Some(fault) => return Err(Problem::InvalidFields(vec![fault]).into()),
        },
        None => example(deps, &endpoint.network, &event_type).await?,
    };
    let now = deps.platform.clock.now();
    let id = test_id(deps, now)?;
    let network = &endpoint.network;
    let outgoing = Outgoing {
        body: write_test(network, &id, &event_type, &data, endpoint.id),
        group: network.to_string(),
        delay: Duration::ZERO,
    };
    for sent in deps.events.send(&[outgoing]).await {
        sent?;
    }
    let mut last = None;
    while deps.platform.clock.now().since(now) < PATIENCE {
        tokio::time::sleep(LOOK).await;
        last = look(deps, &call, &id).await?;
        if let Some(delivery) = last
            .as_ref()
            .filter(|delivery| !delivery.attempts.is_empty())
        {
            return shown(deps, delivery, 200).await;
        }
    }
    match last {
        Some(delivery) => shown(deps, &delivery, 202).await,
        None => Err(Problem::Unavailable.into()),
    }
}

async fn example(
    deps: &Deps,
    network: &NetworkId,
    event_type: &EventType,
) -> Result<Box<RawValue>, Failure> {
    let known = examples::find(deps, network, event_type).await?;
    Ok(known.ok_or_else(|| {
        let rule = "is required: no event type of this name has an example; see …/event-types";
        invalid("data", rule)
    })?)
}

fn test_id(deps: &Deps, now: Timestamp) -> Result<EventId, Problem> {
    let fresh = EventId::generate(now, deps.platform.random.bytes());
    let fresh = fresh.as_str().trim_start_matches("evt_");
    EventId::parse(&format!("test_{fresh}")).ok_or(Problem::Internal)
}

/// The delivery, once fan-out has owed it.
async fn look(deps: &Deps, call: &Call, id: &EventId) -> Result<Option<Delivery>, Failure> {
    let network = call.network()?;
    let Some(stored) = deps.store.event(&network, id).await? else {
        return Ok(None);
    };
    match stored.plan.first() {
        Some(destination) => {
            let delivery = destination.delivery(&stored.event);
            Ok(deps.store.delivery(&network, delivery).await?)
        }
        None => Ok(None),
    }
}

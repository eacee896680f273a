//! Sending an example to one endpoint, through everything a real event goes through.

use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::event::data_fault;
use domain::event_type::EventType;
use domain::id::{EventId, NetworkId};
use domain::idempotency::Idempotency;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use queue::Outgoing;
use queue::message::write_test;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Before, Delivery};
use utoipa::ToSchema;

use super::create::MAX_BODY;
use super::deliveries::{bodies, shown};
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

/// A test that takes longer than its answer waits.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum TestUnderWay {
    /// Its attempt is under way.
    Delivery(Box<DeliveryBody>),
    /// Its event waits in the queue.
    Event(TestAccepted),
}

/// A test whose event waits in the queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestAccepted {
    /// `GET …/events/{id}` tells of it once it is through.
    pub(crate) event_id: String,
    pub(crate) endpoint_id: String,
    /// How it stands in words.
    pub(crate) explanation: String,
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/test",
    operation_id = "testEndpoint",
    tag = "Webhooks",
    summary = "Send an example event and see what comes of it",
    description = "The example takes the way of every event: queue, fan-out, signature, guarded client, record. Types and filter of the endpoint are not asked. The event's id begins with `test_`.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request tell of the same test, for 24 hours"),
    ),
    request_body = TestSend,
    responses(
        (status = 200, description = "The delivery with its first attempt", body = DeliveryBody),
        (status = 202, description = "Accepted, and nothing was sent within twelve seconds: the delivery if it is on record by now, else the event's id. Both can be asked for; Location is where the event is", body = TestUnderWay),
        (status = "4XX", description = "Refused; nothing was sent", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `send`")]
pub(crate) fn send_doc() {}

pub(crate) async fn send(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let now = deps.platform.clock.now();
    let memory = call.idempotency(&body, now)?;
    let request: TestSend = parse_json(&body)?;
    let endpoint = find(deps, &call).await?;
    let id = match &memory {
        None => None,
        Some(memory) => sent_before(deps, &call, memory).await?,
    };
    if let Some(id) = &id
        && deps.store.event(&endpoint.network, id).await?.is_some()
    {
        return outcome(deps, &call, &endpoint, id, now).await;
    }
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
    let id = match (id, &memory) {
        (Some(id), _) => id,
        (None, None) => test_id(deps, now)?,
        (None, Some(memory)) => remembered(deps, &endpoint.network, memory, now).await?,
    };
    let network = &endpoint.network;
    let outgoing = Outgoing {
        body: write_test(network, &id, &event_type, &data, endpoint.id),
        group: network.to_string(),
        delay: Duration::ZERO,
    };
    for sent in deps.events.send(&[outgoing]).await {
        sent?;
    }
    outcome(deps, &call, &endpoint, &id, now).await
}

/// The event that an earlier request with the same `Idempotency-Key` sent, or was about to send.
async fn sent_before(
    deps: &Deps,
    call: &Call,
    memory: &Idempotency,
) -> Result<Option<EventId>, Failure> {
    let before = deps.store.made_before(&call.network()?, memory).await?;
    before.map(|before| same(&before, memory)).transpose()
}

fn same(before: &Before, memory: &Idempotency) -> Result<EventId, Failure> {
    if before.request_hash != memory.request_hash {
        return Err(Problem::IdempotencyMismatch.into());
    }
    Ok(EventId::parse(&before.made).ok_or(Problem::Internal)?)
}

/// A new event's id, remembered before the event is sent: sent twice, it is one event.
async fn remembered(
    deps: &Deps,
    network: &NetworkId,
    memory: &Idempotency,
    now: Timestamp,
) -> Result<EventId, Failure> {
    let id = test_id(deps, now)?;
    let twin = deps
        .store
        .will_make(network, memory, id.to_string())
        .await?;
    twin.map_or(Ok(id), |twin| same(&twin, memory))
}

/// Waits for the first attempt, and tells what came of it.
async fn outcome(
    deps: &Deps,
    call: &Call,
    endpoint: &Endpoint,
    id: &EventId,
    began: Timestamp,
) -> Result<Reply, Failure> {
    let mut last = None;
    while deps.platform.clock.now().since(began) < PATIENCE {
        last = look(deps, call, id).await?;
        if let Some(delivery) = last
            .as_ref()
            .filter(|delivery| !delivery.attempts.is_empty())
        {
            return shown(deps, delivery, 200).await;
        }
        tokio::time::sleep(LOOK).await;
    }
    let place = format!("/v1/networks/{}/events/{id}", endpoint.network);
    let delivery = match &last {
        None => None,
        Some(delivery) => {
            let these = std::slice::from_ref(delivery);
            bodies(deps, &endpoint.network, endpoint.id, these)
                .await?
                .pop()
        }
    };
    let body = delivery.map_or_else(
        || TestUnderWay::Event(accepted(endpoint, id)),
        |delivery| TestUnderWay::Delivery(Box::new(delivery)),
    );
    Ok(Reply::json(202, &body).header("location", &place))
}

fn accepted(endpoint: &Endpoint, id: &EventId) -> TestAccepted {
    TestAccepted {
        event_id: id.to_string(),
        endpoint_id: endpoint.id.to_string(),
        explanation: format!(
            "the test was accepted and waits in the events queue, which takes longer than usual; it will be sent, and GET …/events/{id} tells what came of it"
        ),
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

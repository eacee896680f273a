use domain::endpoint::{Disabled, Endpoint, Limits, Published, SecretRef, disabled};
use domain::id::{EndpointId, NetworkId};
use domain::idempotency::Idempotency;
use domain::signing::Key;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use serde_json::json;
use store::{Before, Created, MAX_ENDPOINTS};
use vault::Headers;

use super::fields::Fields;
use super::headers::choose;
use super::material::remove_keys;
use super::news;
use crate::Deps;
use crate::shape::{CreateEndpoint, CreatedEndpoint, EndpointBody};

/// Largest configuration request.
pub(crate) const MAX_BODY: usize = 64 * 1024;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks",
    operation_id = "createEndpoint",
    tag = "Webhooks",
    summary = "Create an endpoint",
    description = "The answer shows the shared secret this once. At most 10,000 endpoints per network.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request answer the same, for 24 hours"),
    ),
    request_body = CreateEndpoint,
    responses(
        (status = 201, description = "Created", body = CreatedEndpoint),
        (status = "4XX", description = "Refused; nothing was created", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `create`")]
pub(crate) fn create_doc() {}

pub(crate) async fn create(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    let now = deps.platform.clock.now();
    let memory = call.idempotency(&body, now)?;
    if let Some(memory) = &memory
        && let Some(before) = deps.store.made_before(&network, memory).await?
    {
        return again(deps, &network, &before, memory).await;
    }
    let request: CreateEndpoint = parse_json(&body)?;
    let Draft {
        mut endpoint,
        key,
        sensitive,
    } = draft(deps, &network, &request, now)?;
    // The key before the endpoint, which could not be delivered to without; and a note before the
    // key, by which one whose endpoint never comes to be is found and removed.
    deps.store.watch_keys(&network, endpoint.id, now).await?;
    endpoint.secret = deps
        .vault
        .add(&network, endpoint.id, &key, &sensitive)
        .await?;
    let made = deps.store.create_endpoint(&endpoint, memory.as_ref()).await;
    let refused = match &made {
        Ok(made) => *made != Created::Now,
        // One that may have been made all the same keeps its key.
        Err(error) => error.changed_nothing(),
    };
    if refused {
        remove_keys(deps, &endpoint).await;
    }
    match made? {
        Created::Now => {
            news::report(deps, "endpoint.created", &endpoint, &json!({})).await;
            Ok(created(&endpoint, &key))
        }
        Created::Full => Err(Problem::LimitReached {
            what: "endpoints",
            most: MAX_ENDPOINTS,
        }
        .into()),
        // A twin of this request won the race.
        Created::Before(winner) => match &memory {
            Some(memory) => again(deps, &network, &winner, memory).await,
            None => Err(Problem::Internal.into()),
        },
    }
}

/// A new endpoint and what the vault is to keep of it.
struct Draft {
    endpoint: Endpoint,
    key: Key,
    sensitive: Headers,
}

fn draft(
    deps: &Deps,
    network: &NetworkId,
    request: &CreateEndpoint,
    now: Timestamp,
) -> Result<Draft, Problem> {
    let mut fields = Fields::default();
    let signing = fields
        .signing(request.signing.as_deref())
        .unwrap_or_default();
    let imported = fields.secret(request.secret.as_deref(), signing);
    let key = imported.map_or_else(
        || Key::generate(signing, deps.platform.random.bytes()),
        Key::Secret,
    );
    let chosen = choose(&mut fields, &request.headers, &Headers::new());
    let description = request.description.clone();
    let endpoint = Endpoint {
        id: EndpointId::generate(now, deps.platform.random.bytes()),
        network: network.clone(),
        url: fields.url(&request.url, deps.policy, &deps.own_names),
        description: description.and_then(|text| fields.description(text)),
        event_types: fields.event_types(&request.event_types),
        filter: fields.filter(request.filter.as_deref()),
        format: fields.format(request.format.as_deref()),
        headers: chosen.headers,
        timeout: fields.timeout(request.timeout_seconds),
        schedule: fields.schedule(request.retry_schedule.as_deref()),
        limits: Limits {
            max_in_flight: fields.max_in_flight(request.max_in_flight),
            rate_per_second: fields.rate(request.rate_per_second),
        },
        keep_responses: fields.keep_responses(request.keep_responses.as_deref()),
        disabled: (!request.enabled).then(|| Disabled {
            reason: disabled::BY_REQUEST.to_owned(),
            at: now,
        }),
        signing,
        public_keys: published(&key).into_iter().collect(),
        secret: SecretRef {
            ring: 0,
            generation: 1,
        },
        certificate_ends: None,
        version: 1,
        created: now,
        updated: now,
    };
    fields.check()?;
    Ok(Draft {
        endpoint,
        key,
        sensitive: chosen.sensitive,
    })
}

/// The public half of a key that signs from now on.
pub(crate) fn published(key: &Key) -> Option<Published> {
    let key = key.public()?;
    Some(Published { key, until: None })
}

/// The answer that an earlier request with the same key got.
async fn again(
    deps: &Deps,
    network: &NetworkId,
    before: &Before,
    memory: &Idempotency,
) -> Result<Reply, Failure> {
    if before.request_hash != memory.request_hash {
        return Err(Problem::IdempotencyMismatch.into());
    }
    let id = EndpointId::parse(&before.made).ok_or(Problem::Internal)?;
    let endpoint = deps
        .store
        .endpoint(network, id)
        .await?
        .ok_or(Problem::NotFound {
            what: "endpoint any more",
        })?;
    let material = deps
        .vault
        .material(network, endpoint.secret, id, memory.now)
        .await?;
    let key = material.keys().next().ok_or(Problem::Internal)?;
    Ok(created(&endpoint, key))
}

fn created(endpoint: &Endpoint, key: &Key) -> Reply {
    let body = CreatedEndpoint {
        endpoint: EndpointBody::of(endpoint),
        secret: key.secret().map(|secret| secret.expose().to_owned()),
    };
    let place = format!("/v1/networks/{}/webhooks/{}", endpoint.network, endpoint.id);
    Reply::json(201, &body)
        .header("location", &place)
        .header("etag", &super::endpoints::etag(endpoint))
}

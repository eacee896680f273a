use std::time::Duration;

use domain::base32;
use domain::endpoint::Endpoint;
use domain::id::{EndpointId, NetworkId};
use domain::signing::Secret;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use sha2::{Digest, Sha256};
use store::{Created, Idempotency};

use super::fields::Fields;
use super::page::invalid;
use crate::Deps;
use crate::shape::{CreateEndpoint, CreatedEndpoint, EndpointBody};

/// Largest configuration request.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// How long an `Idempotency-Key` is remembered.
/// Source: Stripe and Outpost, 24 hours.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks",
    operation_id = "createEndpoint",
    tag = "Webhooks",
    summary = "Create an endpoint",
    description = "The answer shows the signing secret this once.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request answer the same, for 24 hours"),
    ),
    request_body = CreateEndpoint,
    responses(
        (status = 201, description = "Created", body = CreatedEndpoint),
        (status = "4XX", description = "Refused; nothing was created", body = ProblemBody, content_type = "application/problem+json"),
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
    let memory = memory(&call, &body, now)?;
    if let Some(memory) = &memory
        && let Some(Created::Before {
            endpoint,
            request_hash,
        }) = deps.store.created_before(&network, memory).await?
    {
        return again(deps, &network, endpoint, &request_hash, memory, now).await;
    }
    let request: CreateEndpoint = parse_json(&body)?;
    let (mut endpoint, secret) = draft(deps, &network, request, now)?;
    // The secret first: an endpoint without one could never be delivered to, while a secret
    // without an endpoint harms nobody.
    endpoint.secret = deps.vault.add(&network, endpoint.id, &secret).await?;
    match deps
        .store
        .create_endpoint(&endpoint, memory.as_ref())
        .await?
    {
        Created::Now => Ok(created(&endpoint, &secret)),
        // A twin of this request won the race.
        Created::Before {
            endpoint: winner,
            request_hash,
        } => {
            deps.vault
                .remove(&network, endpoint.secret, endpoint.id)
                .await?;
            match &memory {
                Some(memory) => again(deps, &network, winner, &request_hash, memory, now).await,
                None => Err(Problem::Internal.into()),
            }
        }
    }
}

fn memory(call: &Call, body: &[u8], now: Timestamp) -> Result<Option<Idempotency>, Problem> {
    let Some(key) = call.header("idempotency-key") else {
        return Ok(None);
    };
    if !(1..=255).contains(&key.len()) {
        return Err(invalid("Idempotency-Key", "must have 1 to 255 characters"));
    }
    let hash = |bytes: &[u8]| base32::encode(&Sha256::digest(bytes));
    Ok(Some(Idempotency {
        key_hash: hash(key.as_bytes()),
        request_hash: hash(body),
        now,
        until: now.after(REMEMBERED),
    }))
}

fn draft(
    deps: &Deps,
    network: &NetworkId,
    request: CreateEndpoint,
    now: Timestamp,
) -> Result<(Endpoint, Secret), Problem> {
    let mut fields = Fields::default();
    let endpoint = Endpoint {
        id: EndpointId::generate(now, deps.platform.random.bytes()),
        network: network.clone(),
        url: fields.url(&request.url, deps.policy),
        description: request
            .description
            .and_then(|text| fields.description(text)),
        event_types: fields.event_types(&request.event_types),
        enabled: request.enabled,
        secret: domain::endpoint::SecretRef {
            ring: 0,
            generation: 1,
        },
        version: 1,
        created: now,
        updated: now,
    };
    fields.check()?;
    Ok((endpoint, Secret::generate(deps.platform.random.bytes())))
}

/// The answer that an earlier request with the same key got.
async fn again(
    deps: &Deps,
    network: &NetworkId,
    id: EndpointId,
    request_hash: &str,
    memory: &Idempotency,
    now: Timestamp,
) -> Result<Reply, Failure> {
    if request_hash != memory.request_hash {
        return Err(Problem::IdempotencyMismatch.into());
    }
    let endpoint = deps
        .store
        .endpoint(network, id)
        .await?
        .ok_or(Problem::NotFound {
            what: "endpoint any more",
        })?;
    let secrets = deps
        .vault
        .secrets(network, endpoint.secret, id, now)
        .await?;
    let secret = secrets.first().ok_or(Problem::Internal)?;
    Ok(created(&endpoint, secret))
}

fn created(endpoint: &Endpoint, secret: &Secret) -> Reply {
    let body = CreatedEndpoint {
        endpoint: EndpointBody::of(endpoint),
        secret: secret.expose().to_owned(),
    };
    let place = format!("/v1/networks/{}/webhooks/{}", endpoint.network, endpoint.id);
    Reply::json(201, &body)
        .header("location", &place)
        .header("etag", &super::endpoints::etag(endpoint))
}

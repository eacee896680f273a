use domain::endpoint::{Disabled, Endpoint, Limits, Published, SecretRef, disabled};
use domain::id::{EndpointId, NetworkId};
use domain::idempotency::Idempotency;
use domain::signing::{Key, Secret};
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
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request answer the same, for 24 hours: with the same secret as long as that signs, with 409 `made-and-deleted` once the endpoint is deleted"),
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
    let remembered = memory
        .as_ref()
        .map(|memory| (memory, Made::of(&endpoint, &key).text()));
    let made = deps.store.create_endpoint(&endpoint, remembered).await;
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
            Ok(created(
                &endpoint,
                key.secret().map(|secret| secret.expose()),
                None,
            ))
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
        rate_since: 0,
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
    }
    .going_on_from(Limits::default(), 0);
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

/// What a creation's `Idempotency-Key` remembers: the endpoint, and which key its answer showed.
struct Made {
    id: EndpointId,
    /// Of the shared secret; empty without one.
    fingerprint: String,
}

impl Made {
    fn of(endpoint: &Endpoint, key: &Key) -> Self {
        Self {
            id: endpoint.id,
            fingerprint: key.secret().map(fingerprint).unwrap_or_default(),
        }
    }

    fn text(&self) -> String {
        format!("{} {}", self.id, self.fingerprint)
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, fingerprint) = text.split_once(' ').unwrap_or((text, ""));
        Some(Self {
            id: EndpointId::parse(id)?,
            fingerprint: fingerprint.to_owned(),
        })
    }
}

/// Tells one secret from another and says nothing else about it: what it signs a fixed text with, cut
/// short, so that it is no signature.
fn fingerprint(secret: &Secret) -> String {
    let signature = secret.sign_amity(b"the secret that the answer showed");
    signature.chars().take(16).collect()
}

/// The answer that an earlier request with the same key got. The secret it showed is shown again
/// while it signs, and no other in its place: another was shown to whoever rotated.
async fn again(
    deps: &Deps,
    network: &NetworkId,
    before: &Before,
    memory: &Idempotency,
) -> Result<Reply, Failure> {
    if before.request_hash != memory.request_hash {
        return Err(Problem::IdempotencyMismatch.into());
    }
    let made = Made::parse(&before.made).ok_or(Problem::Internal)?;
    let found = deps.store.endpoint(network, made.id).await?;
    let endpoint = found.ok_or(Problem::MadeAndDeleted { what: "endpoint" })?;
    if made.fingerprint.is_empty() {
        return Ok(created(&endpoint, None, None));
    }
    let material = deps
        .vault
        .material(network, endpoint.secret, made.id, memory.now)
        .await?;
    let mut secrets = material.keys().filter_map(Key::secret);
    let shown = secrets.find(|secret| fingerprint(secret) == made.fingerprint);
    let why = shown.is_none().then_some(ROTATED);
    Ok(created(&endpoint, shown.map(Secret::expose), why))
}

const ROTATED: &str = "this request made the endpoint before; the secret that its answer showed was rotated since and signs no more, so there is none to show";

fn created(endpoint: &Endpoint, secret: Option<&str>, explanation: Option<&'static str>) -> Reply {
    let body = CreatedEndpoint {
        endpoint: EndpointBody::of(endpoint),
        secret: secret.map(str::to_owned),
        explanation,
    };
    let place = format!("/v1/networks/{}/webhooks/{}", endpoint.network, endpoint.id);
    Reply::json(201, &body)
        .header("location", &place)
        .header("etag", &super::endpoints::etag(endpoint))
}

//! Rotating and revoking signing keys, and publishing the public ones.

use std::time::Duration;

use domain::endpoint::{Endpoint, Published};
use domain::id::{EndpointId, NetworkId};
use domain::signing::Key;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json_or_default};
use serde_json::json;
use vault::Edit;

use super::create::{MAX_BODY, published};
use super::endpoints::{check_version, find, shown};
use super::fields::Fields;
use super::material::rekey;
use super::news;
use crate::Deps;
use crate::shape::{EndpointBody, JsonWebKey, JsonWebKeys, RotateSecret, RotatedSecret};

/// How long former keys sign beside a new one unless the request says.
/// Source: Svix, 24 hours.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// The longest grace. Source: Svix, 7 days.
const MAX_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/secret/rotations",
    operation_id = "rotateSecret",
    tag = "Webhooks",
    summary = "Sign with a new key",
    description = "The former keys sign beside it until the grace ends, so a receiver that knows either verifies. The answer shows a new shared secret this once. A repeat rotates again; nothing breaks, because former keys keep their grace. At most ten keys sign at a time: a rotation that would make it eleven is refused with `limit-reached`. A refused one signs nothing.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "Rotate only this version"),
    ),
    request_body = RotateSecret,
    responses(
        (status = 201, description = "Rotated", body = RotatedSecret),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `rotate`")]
pub(crate) fn rotate_doc() {}

pub(crate) async fn rotate(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let request: RotateSecret = parse_json_or_default(&call.body(MAX_BODY)?)?;
    let endpoint = find(deps, &call).await?;
    check_version(&call, &endpoint)?;
    let now = deps.platform.clock.now();
    let (key, grace) = wanted(deps, &request, &endpoint)?;
    let grace_ends = now.after(grace);
    let edit = Edit::Rotate {
        key: &key,
        now,
        grace_ends,
    };
    let id = endpoint.id;
    let rotated = rekey(deps, &call, endpoint, &edit, |endpoint| {
        let former = former(&endpoint.public_keys, now, grace_ends);
        Endpoint {
            signing: key.scheme(),
            public_keys: published(&key).into_iter().chain(former).collect(),
            ..endpoint
        }
    });
    let rotated = rotated.await?;
    let more =
        json!({ "signing": rotated.signing.word(), "formerKeysSignUntil": grace_ends.to_string() });
    news::report(deps, "secret.rotated", &rotated, &more).await;
    let body = RotatedSecret {
        endpoint_id: id.to_string(),
        signing: rotated.signing.word(),
        secret: key.secret().map(|secret| secret.expose().to_owned()),
        public_keys: EndpointBody::of(&rotated).public_keys,
        former_keys_sign_until: grace_ends.to_string(),
    };
    Ok(Reply::json(201, &body).header("etag", &super::endpoints::etag(&rotated)))
}

fn wanted(
    deps: &Deps,
    request: &RotateSecret,
    endpoint: &Endpoint,
) -> Result<(Key, Duration), Problem> {
    let mut fields = Fields::default();
    let scheme = fields.signing(request.signing.as_deref());
    let scheme = scheme.unwrap_or(endpoint.signing);
    let imported = fields.secret(request.secret.as_deref(), scheme);
    let grace = request.grace_seconds.map_or(GRACE, Duration::from_secs);
    if grace > MAX_GRACE {
        let rule = format!("must be from 0 to {}", MAX_GRACE.as_secs());
        fields.broken("graceSeconds", "range", &rule);
    }
    fields.check()?;
    let random = deps.platform.random.bytes();
    let key = imported.map_or_else(|| Key::generate(scheme, random), Key::Secret);
    Ok((key, grace))
}

/// The published keys that still sign, none longer than until `grace_ends`.
fn former(
    keys: &[Published],
    now: Timestamp,
    grace_ends: Timestamp,
) -> impl Iterator<Item = Published> {
    let ends = keys.iter().map(move |published| Published {
        until: Some(
            published
                .until
                .map_or(grace_ends, |until| until.min(grace_ends)),
        ),
        ..*published
    });
    ends.filter(move |published| published.until.is_some_and(|until| until > now))
}

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/webhooks/{id}/secret/previous",
    operation_id = "revokePreviousSecrets",
    tag = "Webhooks",
    summary = "Stop signing with former keys now",
    description = "For a key that leaked: ends every grace at once. The newest key goes on.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, description = "The endpoint", body = EndpointBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `revoke`")]
pub(crate) fn revoke_doc() {}

pub(crate) async fn revoke(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let endpoint = find(deps, &call).await?;
    check_version(&call, &endpoint)?;
    let revoked = rekey(deps, &call, endpoint, &Edit::Revoke, |mut endpoint| {
        endpoint
            .public_keys
            .retain(|published| published.until.is_none());
        endpoint
    });
    let revoked = revoked.await?;
    news::report(deps, "secret.revoked", &revoked, &json!({})).await;
    Ok(shown(&revoked))
}

#[utoipa::path(
    get,
    path = "/v1/jwks/{network}/{id}",
    operation_id = "getPublicKeys",
    tag = "Webhooks",
    summary = "The public keys of an endpoint, as a JSON Web Key Set",
    description = "Open to everyone. Empty for an endpoint that signs with a shared secret, and for one that does not exist.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "RFC 7517", body = JsonWebKeys))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `jwks`")]
pub(crate) fn jwks_doc() {}

/// Whoever asks learns public keys and nothing else, not even whether there is such an endpoint.
pub(crate) async fn jwks(deps: &Deps, call: &Call) -> Result<Reply, Failure> {
    let network = NetworkId::parse(call.parameter("network"));
    let id = EndpointId::parse(call.parameter("id"));
    let found = match (network, id) {
        (Some(network), Some(id)) => deps.store.endpoint(&network, id).await?,
        (None, _) | (_, None) => None,
    };
    let now = deps.platform.clock.now();
    let keys = found
        .map(|endpoint| endpoint.public_keys)
        .unwrap_or_default();
    let live = keys
        .iter()
        .filter(|published| published.until.is_none_or(|until| until > now));
    let keys = live.map(JsonWebKey::of).collect();
    Ok(Reply::json(200, &JsonWebKeys { keys }))
}

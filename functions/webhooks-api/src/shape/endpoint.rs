//! Endpoints.

use domain::endpoint::{Disabled, Endpoint, Published, disabled};
use domain::header::{Header, HeaderValue};
use domain::health::Health;
use domain::retry::Schedule;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::Counted;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateEndpoint {
    /// https, a public address, no user info, no secret in the query.
    #[schema(example = "https://example.com/fanfare", max_length = 2048)]
    pub(crate) url: String,
    #[serde(default)]
    #[schema(max_length = 256)]
    pub(crate) description: Option<String>,
    /// Patterns: `*`, a prefix such as `v3.post.*`, or exact names. All types if absent. `*` leaves
    /// out the operational types, such as `endpoint.disabled`: name those.
    #[serde(default = "all_types")]
    #[schema(example = json!(["message.*", "user.didFlag"]), min_items = 1, max_items = 100)]
    pub(crate) event_types: Vec<String>,
    /// Which events of these types, in the syntax of EventBridge patterns, on the webhook's body.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({"data": {"amount": [{"numeric": [">=", 10]}]}}))]
    pub(crate) filter: Option<Box<RawValue>>,
    /// `fanfare` (the default), or `social.plus` for exactly `{event, data}`.
    #[serde(default)]
    pub(crate) format: Option<String>,
    /// Sent with every webhook.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub(crate) headers: Vec<HeaderInput>,
    /// The deadline of an attempt, from DNS to the last byte: 1 to 30, 15 if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 30)]
    pub(crate) timeout_seconds: Option<u64>,
    /// Seconds to wait after each failed attempt, at most 20 of them and 648,000 in all.
    #[serde(default)]
    #[schema(schema_with = retry_schedule, required = false)]
    pub(crate) retry_schedule: Option<Vec<u64>>,
    /// Most attempts under way at the same time, 1 to 100. No limit if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) max_in_flight: Option<u32>,
    /// Most attempts begun per second, 1 to 500. No limit if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 500)]
    pub(crate) rate_per_second: Option<u32>,
    /// Of which attempts the whole answer is kept, up to 16 KiB: `failures` (the default), of the
    /// others only its start; or `all`, for one more write of each success whose answer is longer.
    #[serde(default)]
    #[schema(pattern = "^(failures|all)$")]
    pub(crate) keep_responses: Option<String>,
    /// `hmac` (the default): a shared secret. `ed25519`: a key pair whose public half is published.
    #[serde(default)]
    pub(crate) signing: Option<String>,
    /// A secret you have already, `whsec_` and base64 of 24 to 64 bytes; for `hmac` only.
    #[serde(default)]
    pub(crate) secret: Option<String>,
    #[serde(default = "enabled")]
    pub(crate) enabled: bool,
}

/// The default of `eventTypes`.
pub(crate) fn all_types() -> Vec<String> {
    vec!["*".to_owned()]
}

fn enabled() -> bool {
    true
}

/// A custom header.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HeaderInput {
    #[schema(example = "x-api-key", max_length = 64)]
    pub(crate) name: String,
    /// May be left out of a change to keep a sensitive value as it is, unless the change moves the
    /// endpoint to another scheme, host or port.
    #[serde(default)]
    #[schema(max_length = 1024)]
    pub(crate) value: Option<String>,
    /// Kept with the signing secrets and never shown again.
    #[serde(default)]
    pub(crate) sensitive: bool,
}

impl std::fmt::Debug for HeaderInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeaderInput({})", self.name)
    }
}

/// What a retry schedule may be; `null` for the default.
fn retry_schedule() -> Schema {
    let delay = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(Schedule::MAX_TOTAL.as_secs()));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(delay)
        .max_items(Some(Schedule::MAX_DELAYS))
        .description(Some(
            "Seconds to wait after each failed attempt, at most 20 of them and 648,000 in all.",
        ))
        .examples([json!([5, 300, 1800])])
        .into()
}

/// Changes to an endpoint; fields left out stay as they are, `null` sets back to the default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateEndpoint {
    /// Has no default, so that `null` is refused.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, required = false, max_length = 2048)]
    pub(crate) url: Option<String>,
    /// An empty text removes it too.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 256)]
    pub(crate) description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 100)]
    pub(crate) event_types: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    pub(crate) filter: Option<Option<Box<RawValue>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) format: Option<Option<String>>,
    /// Replaces the whole list; `null` empties it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<HeaderInput>>, max_items = 20)]
    pub(crate) headers: Option<Option<Vec<HeaderInput>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 30)]
    pub(crate) timeout_seconds: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = retry_schedule, required = false)]
    pub(crate) retry_schedule: Option<Option<Vec<u64>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub(crate) max_in_flight: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 500)]
    pub(crate) rate_per_second: Option<Option<u32>>,
    /// `failures` or `all`; holds for answers from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, pattern = "^(failures|all)$")]
    pub(crate) keep_responses: Option<Option<String>>,
    /// Neither is a default, so that `null` is refused.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool, required = false)]
    pub(crate) enabled: Option<bool>,
}

/// Switching an endpoint off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DisableEndpoint {
    /// Why, in words for whoever looks at it later; at most 256 characters.
    #[serde(default)]
    #[schema(max_length = 256, example = "maintenance until Monday")]
    pub(crate) reason: Option<String>,
}

/// Tells `null` from a field that was left out.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A field that may be left out but not be `null`.
fn set<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// An endpoint. Its secret is never part of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Endpoint)]
pub(crate) struct EndpointBody {
    #[schema(example = "ep_01JD8Z6V5QK3M7N9P2R4S6T8V0")]
    pub(crate) id: String,
    pub(crate) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) event_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) filter: Option<Value>,
    /// `fanfare` or `social.plus`.
    pub(crate) format: &'static str,
    pub(crate) headers: Vec<HeaderBody>,
    pub(crate) timeout_seconds: u8,
    pub(crate) retry_schedule: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_in_flight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_per_second: Option<u32>,
    /// `failures` or `all`: of which attempts the whole answer is kept.
    pub(crate) keep_responses: &'static str,
    /// `hmac` or `ed25519`.
    pub(crate) signing: &'static str,
    /// Live public keys, newest first; empty for `hmac`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) public_keys: Vec<PublicKeyBody>,
    pub(crate) enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disabled: Option<DisabledBody>,
    /// When the receiver's TLS certificate ends, as last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) certificate_ends_at: Option<String>,
    /// How it is doing; only when one endpoint is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<HealthBody>,
    /// What is owed to it; only when one endpoint is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<WaitingBody>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Header)]
pub(crate) struct HeaderBody {
    pub(crate) name: String,
    /// Absent when it is sensitive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    pub(crate) sensitive: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublicKey)]
pub(crate) struct PublicKeyBody {
    #[schema(example = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")]
    pub(crate) key: String,
    /// When it stops signing; absent for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Disabled)]
pub(crate) struct DisabledBody {
    /// `by_request`, `gone`, `receiver_asked`, `failing`, or what the request gave.
    pub(crate) reason: String,
    /// The same for people.
    pub(crate) explanation: String,
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EndpointHealth)]
pub(crate) struct HealthBody {
    /// `healthy`, `degraded` (failing one attempt after another) or `open` (webhooks wait, one at a
    /// time probes).
    pub(crate) state: &'static str,
    /// Since the last success.
    pub(crate) failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_probe_at: Option<String>,
    /// While many of its answers take seconds: until then its webhooks are sent from a queue of their
    /// own, so that they delay no other endpoint's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) slow_until: Option<String>,
}

/// Deliveries that are owed to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Waiting)]
pub(crate) struct WaitingBody {
    /// Those that wait for an attempt.
    pub(crate) pending: u64,
    /// Those that are kept and have no next attempt: until the endpoint is enabled, or they are
    /// replayed or discarded.
    pub(crate) parked: u64,
    /// If `false`, only the newest few thousand deliveries were looked at, and these are at least so
    /// many.
    pub(crate) complete: bool,
    /// The same in words, with what to do.
    pub(crate) explanation: String,
}

impl WaitingBody {
    fn of(enabled: bool, counted: &Counted) -> Self {
        let Counted {
            pending,
            parked,
            complete,
            ..
        } = *counted;
        let least = if complete { "" } else { "at least " };
        let what = match (parked, enabled) {
            (0, _) => "",
            (_, false) => "; enabling the endpoint sends what is parked",
            (_, true) => "; replay or discard what is parked",
        };
        Self {
            pending,
            parked,
            complete,
            explanation: format!(
                "{least}{pending} deliveries wait for an attempt, {least}{parked} are parked{what}"
            ),
        }
    }
}

impl EndpointBody {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let filter = endpoint.filter.as_ref();
        let patterns = endpoint.event_types.iter();
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            event_types: patterns.map(ToString::to_string).collect(),
            filter: filter.and_then(|filter| serde_json::from_str(filter.as_str()).ok()),
            format: endpoint.format.word(),
            headers: endpoint.headers.iter().map(HeaderBody::of).collect(),
            timeout_seconds: endpoint.timeout.seconds(),
            retry_schedule: endpoint.schedule().seconds().collect(),
            max_in_flight: endpoint.limits.max_in_flight,
            rate_per_second: endpoint.limits.rate_per_second,
            keep_responses: endpoint.keep_responses.word(),
            signing: endpoint.signing.word(),
            public_keys: endpoint.public_keys.iter().map(PublicKeyBody::of).collect(),
            enabled: endpoint.is_enabled(),
            disabled: endpoint.disabled.as_ref().map(DisabledBody::of),
            certificate_ends_at: endpoint.certificate_ends.map(|at| at.to_string()),
            health: None,
            waiting: None,
            created_at: endpoint.created.to_string(),
            updated_at: endpoint.updated.to_string(),
        }
    }

    pub(crate) fn with_waiting(self, counted: &Counted) -> Self {
        Self {
            waiting: Some(WaitingBody::of(self.enabled, counted)),
            ..self
        }
    }

    pub(crate) fn with_health(self, health: &Health) -> Self {
        Self {
            health: Some(HealthBody {
                state: health.word(),
                failures: health.failures,
                failing_since: health.failing_since.map(|at| at.to_string()),
                next_probe_at: health.open.map(|open| open.probe_at.to_string()),
                slow_until: health.slow_until.map(|until| until.to_string()),
            }),
            ..self
        }
    }
}

impl HeaderBody {
    fn of(header: &Header) -> Self {
        let (value, sensitive) = match &header.value {
            HeaderValue::Plain(value) => (Some(value.clone()), false),
            HeaderValue::Sensitive => (None, true),
        };
        Self {
            name: header.name.as_str().to_owned(),
            value,
            sensitive,
        }
    }
}

impl PublicKeyBody {
    pub(crate) fn of(published: &Published) -> Self {
        Self {
            key: published.key.to_string(),
            until: published.until.map(|at| at.to_string()),
        }
    }
}

impl DisabledBody {
    fn of(disabled: &Disabled) -> Self {
        Self {
            reason: disabled.reason.clone(),
            explanation: disabled::explain(&disabled.reason),
            at: disabled.at.to_string(),
        }
    }
}

/// A new endpoint. Its shared secret is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedEndpoint {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointBody,
    /// Keep it where your receiver can read it; it cannot be shown again. Absent for `ed25519`,
    /// whose receivers need the public key alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    pub(crate) secret: Option<String>,
    /// Why a repeat of the request shows no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointPage {
    pub(crate) items: Vec<EndpointBody>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

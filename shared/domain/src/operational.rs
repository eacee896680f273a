//! Operational events: what Fanfare reports about its own doings, as webhooks to whoever subscribes.
//!
//! They are ordinary events with reserved type names. The pattern `*` leaves them out, so an
//! endpoint gets them only when it names them. No loop can arise: an endpoint never gets news about
//! itself, a failed delivery of an operational event raises none, and the others are raised by
//! changes of state, each of which happens once.

mod described;

pub use described::{Described, described, find};

use serde_json::{Value, json};

use crate::credential::Record as Credential;
use crate::endpoint::Endpoint;
use crate::event_type::EventType;
use crate::health::{Change, DISABLED_AFTER, Health};
use crate::id::{CredentialId, DeliveryId, EndpointId, EventId};
use crate::replay::Job;
use crate::time::Timestamp;

/// The type of the webhook that tells of a push: social.plus hands it to a network's own server.
pub const PUSH_CREATED: &str = "push-notification.created";

/// Every operational type and what it says.
pub const TYPES: &[(&str, &str)] = &[
    ("endpoint.created", "An endpoint was created."),
    ("endpoint.updated", "An endpoint was changed."),
    ("endpoint.deleted", "An endpoint was deleted."),
    (
        "endpoint.degraded",
        "An endpoint fails one attempt after another.",
    ),
    (
        "endpoint.failing",
        "An endpoint has failed for days and will be disabled.",
    ),
    (
        "endpoint.disabled",
        "An endpoint was disabled; what is owed to it is kept.",
    ),
    ("endpoint.enabled", "An endpoint was enabled again."),
    (
        "endpoint.recovered",
        "A degraded endpoint accepted a webhook again.",
    ),
    (
        "endpoint.certificate-expiring",
        "The TLS certificate of a receiver ends soon.",
    ),
    (
        "attempt.exhausted",
        "The last attempt of a delivery failed: a dead letter.",
    ),
    ("secret.rotated", "An endpoint signs with a new key."),
    (
        "secret.revoked",
        "The former keys of an endpoint were revoked.",
    ),
    ("replay.finished", "A replay job came to its end."),
    (
        PUSH_CREATED,
        "A push was asked for; its envelope is that of social.plus.",
    ),
    ("credential.activated", "A push credential was activated."),
    ("credential.expiring", "A push credential ends soon."),
    (
        "credential.failed",
        "A provider refuses a push credential; its messages are held.",
    ),
    (
        "credential.recovered",
        "A push got through again after a credential had failed; what was held is sent.",
    ),
    (
        "device.guarded",
        "A new credential refuses many device tokens; none is deleted.",
    ),
];

/// What breaking the reservation is answered with.
pub const RULE: &str = "is a type that Fanfare itself reports; choose another name";

/// Whether only Fanfare may report this type.
#[must_use]
pub fn is_reserved(event_type: &EventType) -> bool {
    let name = event_type.as_str();
    TYPES.iter().any(|(reserved, _)| *reserved == name)
}

/// Something Fanfare did or saw.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// One of [`TYPES`].
    pub name: &'static str,
    /// The endpoint it is about, which therefore does not get it.
    pub about: Option<EndpointId>,
    /// The event's data, a JSON object.
    pub data: Value,
}

impl News {
    /// About an endpoint as it is now; `more` is added to its data.
    #[must_use]
    pub fn of(name: &'static str, endpoint: &Endpoint, more: &Value) -> Self {
        let mut data = json!({
            "endpointId": endpoint.id.to_string(),
            "url": without_query(&endpoint.url),
            "enabled": endpoint.is_enabled(),
        });
        merge(&mut data, more);
        Self {
            name,
            about: Some(endpoint.id),
            data,
        }
    }

    /// A replay job came to its end: done, or failed for this reason.
    #[must_use]
    pub fn replay_finished(job: &Job, endpoint: &Endpoint, failed: Option<&str>) -> Self {
        let more = json!({
            "replayId": job.id.to_string(),
            "status": if failed.is_some() { "failed" } else { "done" },
            "reason": failed,
            "found": job.counts.found,
            "replayed": job.counts.replayed,
            "skipped": job.counts.skipped,
        });
        Self::of("replay.finished", endpoint, &more)
    }

    /// Something about the network's pushes.
    #[must_use]
    pub fn push(name: &'static str, data: Value) -> Self {
        Self {
            name,
            about: None,
            data,
        }
    }

    /// A provider refuses a credential, in its own word and ours.
    #[must_use]
    pub fn credential_failed(of: &Credential, reason: &str, explanation: &str) -> Self {
        let mut data = about_credential(of);
        let more = json!({
            "reason": reason,
            "explanation": format!("{explanation}; pushes wait until a good credential is activated"),
        });
        merge(&mut data, &more);
        Self::push("credential.failed", data)
    }

    /// A push got through with this credential, after one of its place had been refused.
    #[must_use]
    pub fn credential_recovered(of: &Credential, reason: &str, failed_since: Timestamp) -> Self {
        let mut data = about_credential(of);
        let more = json!({
            "failedSince": failed_since.to_string(),
            "reason": reason,
            "explanation": "the provider takes pushes with it; those that waited are sent",
        });
        merge(&mut data, &more);
        Self::push("credential.recovered", data)
    }

    /// A credential was activated, after the one `previous` if there was one.
    #[must_use]
    pub fn credential_activated(of: &Credential, previous: Option<CredentialId>) -> Self {
        let data = json!({
            "certificateId": of.id.to_string(),
            "name": of.name,
            "platform": of.slot.platform().word(),
            "provider": of.slot.provider().word(),
            "environment": of.slot.environment().word(),
            "expiresAt": of.facts.expires.map(|at| at.to_string()),
            "previousCertificateId": previous.map(|id| id.to_string()),
        });
        Self::push("credential.activated", data)
    }

    /// A credential that reached `reached` phones had `refused` tokens refused, the last with `reason`.
    #[must_use]
    pub fn device_guarded(
        of: &Credential,
        (refused, reached): (u64, u64),
        reason: &str,
        explanation: &str,
    ) -> Self {
        let mut data = about_credential(of);
        let more = json!({
            "refusedTokens": refused,
            "reachedPhones": reached,
            "reason": reason,
            "explanation": explanation,
        });
        merge(&mut data, &more);
        Self::push("device.guarded", data)
    }

    /// The last attempt of a delivery failed.
    #[must_use]
    pub fn exhausted(
        endpoint: &Endpoint,
        delivery: DeliveryId,
        event: &EventId,
        attempts: u32,
        reason: &str,
    ) -> Self {
        let more = json!({
            "deliveryId": delivery.to_string(),
            "eventId": event.as_str(),
            "attempts": attempts,
            "reason": reason,
        });
        Self::of("attempt.exhausted", endpoint, &more)
    }

    /// An endpoint's health changed. `None` for a change that is told by what it leads to.
    #[must_use]
    pub fn health(endpoint: &Endpoint, change: Change, health: Health) -> Option<Self> {
        let since = health.failing_since.unwrap_or_default();
        let failing = |days: Option<u64>| {
            let mut data = json!({
                "failures": health.failures,
                "failingSince": since.to_string(),
                "disablesAt": since.after(DISABLED_AFTER).to_string(),
            });
            if let Some(days) = days {
                merge(&mut data, &json!({ "failingDays": days }));
            }
            data
        };
        Some(match change {
            Change::Degraded => Self::of("endpoint.degraded", endpoint, &failing(None)),
            Change::Failing { days } => {
                Self::of("endpoint.failing", endpoint, &failing(Some(days)))
            }
            Change::Recovered => Self::of("endpoint.recovered", endpoint, &json!({})),
            Change::Exhausted => return None,
        })
    }

    /// An endpoint was disabled.
    #[must_use]
    pub fn disabled(endpoint: &Endpoint, reason: &str, at: Timestamp) -> Self {
        let more = json!({ "reason": reason, "disabledAt": at.to_string(), "enabled": false });
        Self::of("endpoint.disabled", endpoint, &more)
    }
}

fn about_credential(of: &Credential) -> Value {
    json!({
        "credentialId": of.id.to_string(),
        "name": of.name,
        "slot": of.slot.to_string(),
    })
}

fn merge(data: &mut Value, more: &Value) {
    if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
        data.extend(
            more.iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
}

/// Queries can hold what only the receiver should read.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserved_name_is_an_event_type_and_no_other_is_reserved() {
        for (name, _) in TYPES {
            assert!(is_reserved(&EventType::parse(name).unwrap()), "{name}");
        }
        assert!(!is_reserved(&EventType::parse("endpoint.mine").unwrap()));
    }
}

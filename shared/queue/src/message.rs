//! The wire formats of events and deliveries.

use domain::event::{Checked, Draft, Event, MAX_BYTES, Origin};
use domain::event_type::EventType;
use domain::field::FieldError;
use domain::id::{EndpointId, EventId, NetworkId};
use domain::matching::Audience;
use domain::operational::{self, News};
use domain::push::request::{self, Request};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

mod delivery;

pub use delivery::{DeliveryMessage, EventBody, Turn};

/// A message of the events queue: an event as a producer may send it straight to SQS.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventWire<'a> {
    network_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    push: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resent: Option<Resent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ours: Option<Ours>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admitted: bool,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Put there when quarantine sends an event back to its queue: which message it was, so that
/// fan-out continues that message's plan instead of dropping a duplicate.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resent {
    message_id: String,
    accepted: u64,
    times: u32,
}

/// Whom an event of ours is for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum OursFor {
    Everyone,
    Only,
    AllBut,
}

/// Put there by Fanfare's own functions: an event that Fanfare reports, or one that tests a single
/// endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ours {
    operational: bool,
    #[serde(rename = "for")]
    whom: OursFor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<String>,
}

impl Ours {
    fn of(origin: Origin, audience: Audience) -> Option<Self> {
        let operational = origin == Origin::Fanfare;
        let (whom, endpoint) = match audience {
            Audience::Everyone if !operational => return None,
            Audience::Everyone => (OursFor::Everyone, None),
            Audience::Only(endpoint) => (OursFor::Only, Some(endpoint)),
            Audience::AllBut(endpoint) => (OursFor::AllBut, Some(endpoint)),
        };
        Some(Self {
            operational,
            whom,
            endpoint_id: endpoint.map(|endpoint| endpoint.to_string()),
        })
    }

    fn origin(&self) -> Origin {
        if self.operational {
            Origin::Fanfare
        } else {
            Origin::Producer
        }
    }

    fn audience(&self) -> Option<Audience> {
        let endpoint = self.endpoint_id.as_deref().map(EndpointId::parse);
        match (self.whom, endpoint) {
            (OursFor::Everyone, None) => Some(Audience::Everyone),
            (OursFor::Only, Some(Some(endpoint))) => Some(Audience::Only(endpoint)),
            (OursFor::AllBut, Some(Some(endpoint))) => Some(Audience::AllBut(endpoint)),
            (OursFor::Everyone | OursFor::Only | OursFor::AllBut, _) => None,
        }
    }
}

/// An event read from its queue.
#[derive(Debug)]
pub struct Reported {
    /// Checked, and with an id, also when its producer gave none.
    pub event: Event,
    /// The message that first carried it.
    pub message_id: String,
    /// How often quarantine has sent it back.
    pub resent: u32,
    /// A producer's, or Fanfare's own.
    pub origin: Origin,
    /// Whether the network's rules were asked when it was accepted; else fan-out asks them.
    pub admitted: bool,
    /// Whom it may reach.
    pub audience: Audience,
    /// The push it asks for.
    pub push: Option<Request>,
}

/// Largest message of the events queue: the largest event with the largest push, and a little for
/// what is added to them.
pub const MAX_MESSAGE: usize = MAX_BYTES + request::MAX_BYTES + 2048;

/// Why a queue message can never be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON of the shape that this queue carries.
    #[error("not the JSON of this queue: {0}")]
    Json(#[source] serde_json::Error),
    /// The rules that its fields break, at least one.
    #[error("{}", list(.0))]
    Fields(Vec<FieldError>),
}

impl Malformed {
    /// A field of a message between our own functions that holds what none of them writes.
    pub(crate) fn foreign(field: &str) -> Self {
        Self::Fields(vec![FieldError::new(field, "format", "is not one of ours")])
    }

    /// What the log may say: the full text can quote the message.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Json(_) => "not_the_json_of_this_queue",
            Self::Fields(_) => "a_field_breaks_a_rule",
        }
    }
}

fn list(errors: &[FieldError]) -> String {
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// The body of an events-queue message for a checked event; `admitted` when the network's rules
/// allow it.
#[must_use]
pub fn write_event(network: &NetworkId, id: &EventId, event: &Checked, admitted: bool) -> String {
    let push = event.push.as_ref().map(raw);
    let wire = EventWire {
        network_id: network.to_string(),
        id: Some(id.to_string()),
        event: event.event_type.to_string(),
        timestamp: event.timestamp.map(|at| at.to_string()),
        version: event.version.clone(),
        push: push.as_deref(),
        resent: None,
        ours: None,
        admitted,
        data: &event.data,
    };
    write(&wire)
}

fn raw(push: &Request) -> Box<RawValue> {
    RawValue::from_string(push.to_json()).unwrap_or_default()
}

/// The body of an events-queue message for an event that Fanfare reports about itself.
#[must_use]
pub fn write_news(network: &NetworkId, id: &EventId, news: &News, at: Timestamp) -> String {
    let audience = news.about.map_or(Audience::Everyone, Audience::AllBut);
    let data = RawValue::from_string(news.data.to_string()).unwrap_or_default();
    write(&EventWire {
        network_id: network.to_string(),
        id: Some(id.to_string()),
        event: news.name.to_owned(),
        timestamp: Some(at.to_string()),
        version: None,
        push: None,
        resent: None,
        ours: Ours::of(Origin::Fanfare, audience),
        admitted: true,
        data: &data,
    })
}

/// The body of an events-queue message for an event that only `endpoint` gets.
#[must_use]
pub fn write_test(
    network: &NetworkId,
    id: &EventId,
    event_type: &EventType,
    data: &RawValue,
    endpoint: EndpointId,
) -> String {
    let origin = if operational::is_reserved(event_type) {
        Origin::Fanfare
    } else {
        Origin::Producer
    };
    write(&EventWire {
        network_id: network.to_string(),
        id: Some(id.to_string()),
        event: event_type.to_string(),
        timestamp: None,
        version: None,
        push: None,
        resent: None,
        ours: Ours::of(origin, Audience::Only(endpoint)),
        admitted: true,
        data,
    })
}

/// Reads an events-queue message that SQS accepted at `accepted` as message `message_id`. An event
/// without id gets one derived from those, so that the same message always is the same event.
///
/// # Errors
/// When the body can never become an event.
pub fn read_event(
    body: &str,
    accepted: Timestamp,
    message_id: &str,
) -> Result<Reported, Malformed> {
    if body.len() > MAX_MESSAGE {
        return Err(too_large());
    }
    let wire: EventWire<'_> = serde_json::from_str(body).map_err(Malformed::Json)?;
    let push = wire.push.map_or(0, |push| push.get().len());
    if body.len().saturating_sub(push) > MAX_BYTES + 2048 {
        return Err(too_large());
    }
    let network = NetworkId::parse(&wire.network_id).ok_or_else(|| {
        Malformed::Fields(vec![FieldError::new(
            "networkId",
            "format",
            NetworkId::RULE,
        )])
    })?;
    let (origin, audience) = match &wire.ours {
        None => (Origin::Producer, Audience::Everyone),
        Some(ours) => {
            let audience = ours.audience().ok_or_else(|| {
                let error = FieldError::new("ours", "format", "is not one of ours");
                Malformed::Fields(vec![error])
            })?;
            (ours.origin(), audience)
        }
    };
    let draft = Draft {
        id: wire.id.as_deref(),
        event: &wire.event,
        data: wire.data,
        timestamp: wire.timestamp.as_deref(),
        version: wire.version.as_deref(),
        push: wire.push,
        origin,
    };
    let mut checked = draft.check().map_err(Malformed::Fields)?;
    let (accepted, message_id, resent) = match wire.resent {
        None => (accepted, message_id.to_owned(), 0),
        Some(first) => {
            let accepted = Timestamp::from_millis(first.accepted);
            (accepted, first.message_id, first.times)
        }
    };
    let push = checked.push.take();
    let id = checked
        .id
        .take()
        .unwrap_or_else(|| EventId::of_message(accepted, &message_id));
    Ok(Reported {
        event: checked.accept(network, id, accepted),
        message_id,
        resent,
        origin,
        admitted: wire.admitted,
        audience,
        push,
    })
}

fn too_large() -> Malformed {
    let message = format!("an event may have at most {MAX_BYTES} bytes");
    Malformed::Fields(vec![FieldError::new("", "too_large", message)])
}

/// The message that sends `reported` back to its queue.
#[must_use]
pub fn resend_event(reported: &Reported) -> String {
    let event = &reported.event;
    let push = reported.push.as_ref().map(raw);
    write(&EventWire {
        network_id: event.network.to_string(),
        id: Some(event.id.to_string()),
        event: event.event_type.to_string(),
        timestamp: Some(event.timestamp.to_string()),
        version: Some(event.version.clone()),
        push: push.as_deref(),
        resent: Some(Resent {
            message_id: reported.message_id.clone(),
            accepted: event.accepted.millis(),
            times: reported.resent.saturating_add(1),
        }),
        ours: Ours::of(reported.origin, reported.audience),
        admitted: reported.admitted,
        data: &event.data,
    })
}

/// The network a message names, if it is JSON at all: whose quarantine it belongs to.
#[must_use]
pub fn owner(body: &str) -> Option<NetworkId> {
    #[derive(Deserialize)]
    struct Owner {
        #[serde(rename = "networkId")]
        network_id: String,
    }
    let owner: Owner = serde_json::from_str(body).ok()?;
    NetworkId::parse(&owner.network_id)
}

/// Our messages as SQS can carry them: it refuses the two non-characters U+FFFE and U+FFFF, which
/// JSON allows inside strings, so they are written as escapes.
pub(crate) fn write<T: Serialize>(wire: &T) -> String {
    let text = serde_json::to_string(wire).unwrap_or_default();
    if text.contains(['\u{FFFE}', '\u{FFFF}']) {
        return text
            .replace('\u{FFFE}', "\\ufffe")
            .replace('\u{FFFF}', "\\uffff");
    }
    text
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;

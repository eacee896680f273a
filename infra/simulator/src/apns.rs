//! Apple Push Notification service.
//! Source: "Sending notification requests to APNs", "Handling notification responses from APNs".

pub(crate) mod certificate;
mod headers;
mod token;

use domain::time::Timestamp;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use crate::fault::{Fault, Target};
use crate::received::Received;
use crate::reply::{Answer, Reply};
use crate::server::Peer;
use crate::state::State;
use headers::Headers;

/// Most bytes of a payload, and of a call's.
const MAX_PAYLOAD: usize = 4096;
const MAX_CALL: usize = 5120;

/// Why a request is refused.
pub(crate) struct Refusal {
    status: u16,
    reason: String,
    since: Option<Timestamp>,
    retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, reason: &str) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            since: None,
            retry_after: None,
        }
    }
}

pub(crate) fn answer(state: &State, peer: &Peer, head: &Parts, body: &[u8]) -> Reply {
    let token = token_of(head);
    if let Some(fault) = state.fault(Target::Apns, &token) {
        let Fault::Refuse {
            status,
            word,
            retry_after,
        } = fault
        else {
            return Reply::Fault(fault);
        };
        let refusal = Refusal {
            retry_after,
            ..Refusal::new(status, &word)
        };
        return refused(state, peer, head, body, &token, &refusal);
    }
    let judged = judge(state, peer, head, body, &token);
    match judged {
        Ok(topic) => {
            let received = received(state, peer, head, body, &token, (&topic, 200, None));
            let id = received.id.clone();
            state.keep(received);
            Reply::Answer(Answer::empty(200).header("apns-id", id))
        }
        Err(refusal) => refused(state, peer, head, body, &token, &refusal),
    }
}

/// Everything that Apple checks, in about the order in which it says so; the topic when all is well.
fn judge(
    state: &State,
    peer: &Peer,
    head: &Parts,
    body: &[u8],
    token: &str,
) -> Result<String, Refusal> {
    if head.method != Method::POST {
        return Err(Refusal::new(405, "MethodNotAllowed"));
    }
    if !head.uri.path().starts_with("/3/device/") {
        return Err(Refusal::new(404, "BadPath"));
    }
    let headers = Headers::read(&head.headers)?;
    let by_token = match (&headers.authorization, &peer.certificate) {
        (Some(header), _) => {
            token::check(state, peer, header)?;
            true
        }
        (None, Some(certificate)) => {
            if !certificate.serves(peer.environment) {
                return Err(Refusal::new(403, "BadCertificateEnvironment"));
            }
            false
        }
        (None, None) => return Err(Refusal::new(403, "MissingProviderToken")),
    };
    if token.is_empty() {
        return Err(Refusal::new(400, "MissingDeviceToken"));
    }
    if token.len() != 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::new(400, "BadDeviceToken"));
    }
    let own = peer.certificate.as_ref().filter(|_| !by_token);
    let topic = headers.topic(own, by_token)?;
    let most = if headers.push_type == "voip" {
        MAX_CALL
    } else {
        MAX_PAYLOAD
    };
    if body.is_empty() {
        return Err(Refusal::new(400, "PayloadEmpty"));
    }
    if body.len() > most {
        return Err(Refusal::new(413, "PayloadTooLarge"));
    }
    phone(state, peer, token, &topic)?;
    Ok(topic)
}

/// What is known of the device.
fn phone(state: &State, peer: &Peer, token: &str, topic: &str) -> Result<(), Refusal> {
    let inner = state.lock();
    let elsewhere = inner.environments.get(token);
    if elsewhere.is_some_and(|environment| *environment != peer.environment) {
        return Err(Refusal::new(400, "BadDeviceToken"));
    }
    if inner.topics.get(token).is_some_and(|own| own != topic) {
        return Err(Refusal::new(400, "DeviceTokenNotForTopic"));
    }
    match inner.dead.get(token) {
        Some(since) => Err(Refusal {
            since: Some(*since),
            ..Refusal::new(410, "Unregistered")
        }),
        None => Ok(()),
    }
}

fn refused(
    state: &State,
    peer: &Peer,
    head: &Parts,
    body: &[u8],
    token: &str,
    refusal: &Refusal,
) -> Reply {
    let topic = text(head, "apns-topic");
    let told = (
        topic.as_str(),
        refusal.status,
        Some(refusal.reason.as_str()),
    );
    let received = received(state, peer, head, body, token, told);
    let id = received.id.clone();
    state.keep(received);
    let mut error = json!({ "reason": refusal.reason });
    if let (Some(since), Some(error)) = (refusal.since, error.as_object_mut()) {
        error.insert("timestamp".to_owned(), since.millis().into());
    }
    let answer = Answer::json(refusal.status, error).header("apns-id", id);
    Reply::Answer(answer.retry_after(refusal.retry_after))
}

fn received(
    state: &State,
    peer: &Peer,
    head: &Parts,
    body: &[u8],
    token: &str,
    (topic, status, reason): (&str, u16, Option<&str>),
) -> Received {
    let payload: Value = serde_json::from_slice(body).unwrap_or_default();
    let alert = payload.pointer("/aps/alert");
    let shown = |name: &str| {
        let part = alert.and_then(|alert| alert.get(name));
        part.and_then(Value::as_str).map(str::to_owned)
    };
    // The short form of an alert is its body alone.
    let short = alert.and_then(Value::as_str).map(str::to_owned);
    let now = state.clock.now();
    let collapse = text(head, "apns-collapse-id");
    Received {
        provider: "apns",
        environment: Some(peer.environment.word()),
        token: token.to_owned(),
        application: topic.to_owned(),
        id: text(head, "apns-id"),
        collapse_id: (!collapse.is_empty()).then_some(collapse),
        title: shown("title"),
        body: shown("body").or(short),
        payload,
        delivered: status == 200,
        status,
        reason: reason.map(str::to_owned),
        at: now.to_string(),
        at_millis: now.millis(),
    }
}

fn text(head: &Parts, name: &str) -> String {
    let value = head.headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn token_of(head: &Parts) -> String {
    let path = head.uri.path();
    path.strip_prefix("/3/device/")
        .unwrap_or_default()
        .to_owned()
}

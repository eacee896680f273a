//! Baidu Cloud Push, REST 3.0, from its documents.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::Method;
use http::request::Parts;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::fault::{Fault, Target};
use crate::received::Received;
use crate::reply::{Answer, Reply};
use crate::state::State;

const PATH: &str = "/rest/3.0/push/single_device";
/// Seconds that a request is good for.
const LIFE: u64 = 600;

/// Status, code and words of a refusal.
type Refusal = (u16, u64, &'static str);

/// `base` is the address that the caller signed for.
pub(crate) fn answer(state: &State, base: &str, head: &Parts, body: &[u8]) -> Reply {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let token = form.get("channel_id").cloned().unwrap_or_default();
    let judged = match state.fault(Target::Baidu, &token) {
        Some(Fault::Refuse { status, word, .. }) => {
            Err((status, word.parse().unwrap_or(30600), "scripted"))
        }
        Some(fault) => return Reply::Fault(fault),
        None => judge(state, base, head, &form),
    };
    let mut inner = state.lock();
    inner.issued += 1;
    let id = inner.issued;
    drop(inner);
    state.keep(received(state, &form, id, judged.err()));
    Reply::Answer(match judged {
        Ok(()) => {
            let sent =
                json!({ "msg_id": id.to_string(), "send_time": state.clock.now().seconds() });
            Answer::json(200, json!({ "request_id": id, "response_params": sent }))
        }
        Err((status, code, why)) => {
            let error = json!({ "request_id": id, "error_code": code, "error_msg": why });
            Answer::json(status, error)
        }
    })
}

fn judge(
    state: &State,
    base: &str,
    head: &Parts,
    form: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    if head.method != Method::POST || head.uri.path() != PATH {
        return Err((405, 30601, "Request Method Not Allowed"));
    }
    let agent = head
        .headers
        .get("user-agent")
        .and_then(|agent| agent.to_str().ok());
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let needed = ["apikey", "timestamp", "sign", "channel_id", "msg"];
    let typed = head
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok());
    let typed = typed.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let message: Option<Value> = serde_json::from_str(field("msg")).ok();
    let good = typed
        && agent.is_some_and(|agent| agent.contains("BCCS_SDK"))
        && needed.iter().all(|name| !field(name).is_empty())
        && message.is_some_and(|message| message.is_object())
        && field("msg").len() <= 4096;
    if !good {
        return Err((400, 30602, "Request Params Not Valid"));
    }
    let inner = state.lock();
    if let Some(secret) = inner.key_pairs.get(field("apikey"))
        && sign(&format!("{base}{PATH}"), form, secret) != field("sign")
    {
        return Err((401, 30603, "Authentication Failed"));
    }
    let at: u64 = field("timestamp").parse().unwrap_or_default();
    if at.abs_diff(state.clock.now().seconds()) > LIFE {
        return Err((400, 30606, "Request Expired"));
    }
    if inner.dead.contains_key(field("channel_id")) {
        return Err((400, 30608, "Bind Relation Not Found"));
    }
    Ok(())
}

/// hex(md5(urlencode(POST + URL + sorted pairs + secret))), encoded as PHP does.
fn sign(url: &str, form: &BTreeMap<String, String>, secret: &str) -> String {
    let pairs = form.iter().filter(|(name, _)| *name != "sign");
    let pairs: String = pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut encoded = String::new();
    for byte in format!("POST{url}{pairs}{secret}").bytes() {
        let _infallible = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                write!(encoded, "{}", char::from(byte))
            }
            b' ' => write!(encoded, "+"),
            _ => write!(encoded, "%{byte:02X}"),
        };
    }
    let mut hex = String::new();
    for byte in Md5::digest(encoded.as_bytes()) {
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex
}

fn received(
    state: &State,
    form: &BTreeMap<String, String>,
    id: u64,
    refusal: Option<Refusal>,
) -> Received {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let payload: Value = serde_json::from_str(&field("msg")).unwrap_or_default();
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let now = state.clock.now();
    Received {
        provider: "baidu",
        environment: None,
        token: field("channel_id"),
        application: field("apikey"),
        id: id.to_string(),
        collapse_id: None,
        title: text("title"),
        body: text("description"),
        payload: payload.clone(),
        delivered: refusal.is_none(),
        status: refusal.map_or(200, |(status, ..)| status),
        reason: refusal.map(|(_, code, _)| code.to_string()),
        at: now.to_string(),
        at_millis: now.millis(),
    }
}

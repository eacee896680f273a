//! Firebase Cloud Messaging, HTTP v1.
//! Source: <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>.

use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde_json::{Map, Value, json};

use crate::fault::{Fault, Target};
use crate::received::Received;
use crate::reply::{Answer, Reply};
use crate::state::State;

const MAX_MESSAGE: usize = 4096;
/// Of a message for all who subscribed to a topic.
const MAX_TOPIC_MESSAGE: usize = 2048;
/// Seconds that a message may wait for its phone: four weeks.
const MAX_TTL: f64 = 2_419_200.0;
const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
const TARGETS: [&str; 3] = ["token", "topic", "condition"];
const MESSAGE_FIELDS: [&str; 10] = [
    "name",
    "data",
    "notification",
    "android",
    "webpush",
    "apns",
    "fcm_options",
    "token",
    "topic",
    "condition",
];

/// Why a request is refused, as Google's error says it.
struct Refusal {
    http: u16,
    status: &'static str,
    details: Vec<Value>,
    word: String,
    retry_after: Option<u64>,
}

impl Refusal {
    /// With an `FcmError`.
    fn fcm(http: u16, code: &str) -> Self {
        Self {
            http,
            status: canonical(http),
            details: vec![json!({ "@type": FCM_ERROR, "errorCode": code })],
            word: code.to_owned(),
            retry_after: None,
        }
    }

    /// A field that is not valid.
    fn field(field: &str, why: &str) -> Self {
        let violation = json!({ "field": field, "description": why });
        let mut refusal = Self::fcm(400, "INVALID_ARGUMENT");
        let details = json!({ "@type": BAD_REQUEST, "fieldViolations": [violation] });
        refusal.details.push(details);
        refusal
    }

    /// Without details: what is wrong is not the message.
    fn plain(http: u16, status: &'static str) -> Self {
        Self {
            http,
            status,
            details: Vec::new(),
            word: status.to_owned(),
            retry_after: None,
        }
    }
}

/// The canonical code that goes with a status.
fn canonical(http: u16) -> &'static str {
    match http {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

pub(crate) fn answer(state: &State, head: &Parts, body: &[u8]) -> Reply {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = request.get("message").cloned().unwrap_or_default();
    let token = message
        .get("token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let project = project_of(head.uri.path());
    let judged = match state.fault(Target::Fcm, token) {
        Some(Fault::Refuse {
            status,
            word,
            retry_after,
        }) => Err(Refusal {
            retry_after,
            ..Refusal::fcm(status, &word)
        }),
        Some(fault) => return Reply::Fault(fault),
        None => judge(state, head, project, &request, &message),
    };
    let dry = request
        .get("validate_only")
        .or_else(|| request.get("validateOnly"));
    if dry == Some(&Value::Bool(true)) && judged.is_ok() {
        let name = format!(
            "projects/{}/messages/fake_message_id",
            project.unwrap_or_default()
        );
        return Reply::Answer(Answer::json(200, json!({ "name": name })));
    }
    let mut number = state.lock();
    number.issued += 1;
    let id = format!("0:{}", number.issued);
    drop(number);
    let name = format!("projects/{}/messages/{id}", project.unwrap_or_default());
    let refusal = judged.err();
    let told = refusal
        .as_ref()
        .map(|refusal| (refusal.http, refusal.word.clone()));
    state.keep(received(state, project, &message, name.clone(), told));
    Reply::Answer(match refusal {
        None => Answer::json(200, json!({ "name": name })),
        Some(refusal) => {
            let error = json!({
                "code": refusal.http,
                "message": format!("simulated: {}", refusal.word),
                "status": refusal.status,
                "details": refusal.details,
            });
            Answer::json(refusal.http, json!({ "error": error })).retry_after(refusal.retry_after)
        }
    })
}

fn project_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v1/projects/")?;
    rest.strip_suffix("/messages:send")
        .filter(|project| !project.is_empty())
}

fn judge(
    state: &State,
    head: &Parts,
    project: Option<&str>,
    request: &Value,
    message: &Value,
) -> Result<(), Refusal> {
    let project = project.filter(|_| head.method == Method::POST);
    let project = project.ok_or_else(|| Refusal::plain(404, "NOT_FOUND"))?;
    authorized(state, head, project)?;
    let fields = request
        .as_object()
        .ok_or_else(|| Refusal::field("", "no object"))?;
    let known =
        |name: &String| ["message", "validate_only", "validateOnly"].contains(&name.as_str());
    if let Some(unknown) = fields.keys().find(|name| !known(name)) {
        return Err(Refusal::field(unknown, "Cannot find field."));
    }
    let message = message
        .as_object()
        .ok_or_else(|| Refusal::field("message", "missing"))?;
    check(message)?;
    let token = message
        .get("token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let inner = state.lock();
    if inner.topics.get(token).is_some_and(|own| own != project) {
        return Err(Refusal::fcm(403, "SENDER_ID_MISMATCH"));
    }
    if inner.dead.contains_key(token) {
        return Err(Refusal::fcm(404, "UNREGISTERED"));
    }
    Ok(())
}

fn authorized(state: &State, head: &Parts, project: &str) -> Result<(), Refusal> {
    let refused = || Refusal::plain(401, "UNAUTHENTICATED");
    let header = head
        .headers
        .get(AUTHORIZATION)
        .and_then(|header| header.to_str().ok());
    let token = header
        .and_then(|header| header.strip_prefix("Bearer "))
        .ok_or_else(refused)?;
    let inner = state.lock();
    let (until, email) = inner.access_tokens.get(token).ok_or_else(refused)?;
    if *until <= state.clock.now() || inner.revoked_accounts.contains(email) {
        return Err(refused());
    }
    // `name@project.iam.gserviceaccount.com` may send for its own project.
    let own = email
        .split_once('@')
        .and_then(|(_, host)| host.strip_suffix(".iam.gserviceaccount.com"));
    match own {
        Some(own) if own != project => Err(Refusal::plain(403, "PERMISSION_DENIED")),
        Some(_) | None => Ok(()),
    }
}

/// The rules of a message, by field.
fn check(message: &Map<String, Value>) -> Result<(), Refusal> {
    let snake = |name: &String| {
        if name == "fcmOptions" {
            "fcm_options".to_owned()
        } else {
            name.clone()
        }
    };
    if let Some(unknown) = message
        .keys()
        .find(|name| !MESSAGE_FIELDS.contains(&snake(name).as_str()))
    {
        return Err(Refusal::field(
            &format!("message.{unknown}"),
            "Cannot find field.",
        ));
    }
    let targets = TARGETS
        .iter()
        .filter(|name| message.contains_key(**name))
        .count();
    if targets != 1 {
        return Err(Refusal::field(
            "message",
            "Exactly one of token, topic or condition is required.",
        ));
    }
    if let Some(data) = message.get("data") {
        let strings = data
            .as_object()
            .is_some_and(|data| data.values().all(Value::is_string));
        if !strings {
            return Err(Refusal::field("message.data", "Values must be strings."));
        }
    }
    let ttl = message
        .get("android")
        .and_then(|android| android.get("ttl"));
    if ttl.is_some_and(|ttl| !ttl.as_str().is_some_and(is_duration)) {
        return Err(Refusal::field(
            "message.android.ttl",
            "Illegal duration format.",
        ));
    }
    let most = if message.contains_key("token") {
        MAX_MESSAGE
    } else {
        MAX_TOPIC_MESSAGE
    };
    let payload: Map<_, _> = message
        .iter()
        .filter(|(name, _)| !TARGETS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if Value::Object(payload).to_string().len() > most {
        return Err(Refusal::field("message", "Android message is too big"));
    }
    let token = message.get("token");
    let real = |token: &Value| {
        let signs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
        token
            .as_str()
            .is_some_and(|token| !token.is_empty() && token.bytes().all(signs))
    };
    if token.is_some_and(|token| !real(token)) {
        return Err(Refusal::fcm(400, "INVALID_ARGUMENT"));
    }
    Ok(())
}

fn is_duration(text: &str) -> bool {
    let seconds = text.strip_suffix('s').map(str::parse::<f64>);
    seconds.is_some_and(|seconds| seconds.is_ok_and(|seconds| (0.0..=MAX_TTL).contains(&seconds)))
}

fn received(
    state: &State,
    project: Option<&str>,
    message: &Value,
    name: String,
    told: Option<(u16, String)>,
) -> Received {
    let text = |pointer: &str| {
        message
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let now = state.clock.now();
    let (status, reason) = told.map_or((200, None), |(status, word)| (status, Some(word)));
    Received {
        provider: "fcm",
        environment: None,
        token: text("/token").unwrap_or_default(),
        application: project.unwrap_or_default().to_owned(),
        id: name,
        collapse_id: text("/android/collapse_key"),
        title: text("/notification/title"),
        body: text("/notification/body"),
        payload: message.clone(),
        delivered: reason.is_none(),
        status,
        reason,
        at: now.to_string(),
        at_millis: now.millis(),
    }
}

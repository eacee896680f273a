//! Google's errors as data.
//! Source: FCM v1, `FcmError`; `google.rpc.Status` for what carries none.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, Class};
use crate::table::Verdict::{Dead, Fault, Foreign, Poison, Retry};
use crate::table::{Details, Row, by_status, find};

/// "Wait at least 10 seconds" before a retry.
const SOON: u64 = 10;

/// A 429 without `Retry-After`: quotas are counted by the minute.
const QUOTA: u64 = 60;

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

macro_rules! rows {
    ($($word:ident $verdict:expr, $meaning:literal;)+) => {
        &[$(Row { word: stringify!($word), verdict: $verdict, meaning: $meaning }),+]
    };
}

/// `errorCode` of the detail that is an `FcmError`.
pub(crate) const CODES: &[Row] = rows! {
    UNREGISTERED Dead, "the application was removed from the device, or its token was replaced";
    INVALID_ARGUMENT Dead, "the token is not one that Firebase gave out";
    SENDER_ID_MISMATCH Foreign, "the token belongs to another Firebase project than the credential";
    QUOTA_EXCEEDED Retry(QUOTA), "the project or the device got too many pushes in a short time";
    UNAVAILABLE Retry(SOON), "Firebase is overloaded";
    INTERNAL Retry(SOON), "Firebase is in trouble";
    THIRD_PARTY_AUTH_ERROR Fault, "the Apple or web push key that was uploaded to Firebase is not valid";
    UNSPECIFIED_ERROR Retry(SOON), "Firebase gives no reason";
};

/// `error.status`, asked only when there is no `FcmError`.
pub(crate) const STATUSES: &[Row] = rows! {
    INVALID_ARGUMENT Poison, "Firebase finds a field of the message not valid";
    UNAUTHENTICATED Fault, "Google does not accept the service account";
    PERMISSION_DENIED Fault, "the service account may not send for this project";
    NOT_FOUND Fault, "Google knows no such project";
    RESOURCE_EXHAUSTED Retry(QUOTA), "the project got too many pushes in a short time";
    UNAVAILABLE Retry(SOON), "Firebase is overloaded";
    INTERNAL Retry(SOON), "Firebase is in trouble";
    DEADLINE_EXCEEDED Retry(SOON), "Firebase was too slow";
};

#[derive(Deserialize)]
struct ErrorBody {
    error: Status,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Value>,
}

#[derive(Deserialize)]
struct Sent {
    name: String,
}

/// What a status and a body mean.
pub(crate) fn judge(status: u16, body: &[u8], retry_after: Option<Duration>) -> Answer {
    if status == 200 {
        let sent: Option<Sent> = serde_json::from_slice(body).ok();
        let answer = Answer::new(Class::Delivered, "Delivered", "Firebase took the push");
        return answer
            .with_status(status, body)
            .with_provider_id(sent.map(|sent| sent.name));
    }
    let error: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let error = error.map(|body| body.error).unwrap_or_default();
    let details = Details {
        since: None,
        // Shorter than they ask for everybody is never right.
        retry_after: retry_after.map(|after| after.max(Duration::from_secs(SOON))),
    };
    let (word, rows) = match fcm_code(&error) {
        Some(code) if !faulty_field(&error, code) => (code, CODES),
        Some(code) => (code, STATUSES),
        None if error.status.is_empty() => ("NoStatus", STATUSES),
        None => (error.status.as_str(), STATUSES),
    };
    let answer = find(rows, word).map_or_else(
        || by_status(status, word, details),
        |row| row.answer(details),
    );
    answer.with_status(status, body)
}

fn fcm_code(error: &Status) -> Option<&str> {
    let detail = error.details.iter().find(|detail| is(detail, FCM_ERROR))?;
    detail.get("errorCode")?.as_str()
}

/// Whether an `INVALID_ARGUMENT` is about another field than the token.
fn faulty_field(error: &Status, code: &str) -> bool {
    let violations = error
        .details
        .iter()
        .filter(|detail| is(detail, BAD_REQUEST))
        .filter_map(|detail| detail.get("fieldViolations")?.as_array())
        .flatten();
    let mut fields = violations.filter_map(|violation| violation.get("field")?.as_str());
    code == "INVALID_ARGUMENT" && fields.any(|field| field != "message.token")
}

fn is(detail: &Value, kind: &str) -> bool {
    detail.get("@type").and_then(Value::as_str) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_detail_decides_and_the_status_only_without_one() {
        let fcm = |code: &str| json!([{ "@type": FCM_ERROR, "errorCode": code }]);
        let field = |field: &str| {
            json!([
                { "@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT" },
                { "@type": BAD_REQUEST, "fieldViolations": [{ "field": field }] },
            ])
        };
        for (http, status, details, class) in [
            (404, "NOT_FOUND", fcm("UNREGISTERED"), "dead_token"),
            (404, "NOT_FOUND", json!([]), "credential_fault"),
            (
                400,
                "INVALID_ARGUMENT",
                fcm("INVALID_ARGUMENT"),
                "dead_token",
            ),
            (
                400,
                "INVALID_ARGUMENT",
                field("message.token"),
                "dead_token",
            ),
            (
                400,
                "INVALID_ARGUMENT",
                field("message.android.ttl"),
                "poison",
            ),
            (400, "INVALID_ARGUMENT", json!([]), "poison"),
            (
                403,
                "PERMISSION_DENIED",
                fcm("SENDER_ID_MISMATCH"),
                "wrong_project_suspect",
            ),
            (403, "PERMISSION_DENIED", json!([]), "credential_fault"),
            (
                401,
                "UNAUTHENTICATED",
                fcm("THIRD_PARTY_AUTH_ERROR"),
                "credential_fault",
            ),
            (429, "RESOURCE_EXHAUSTED", fcm("QUOTA_EXCEEDED"), "retry"),
            (503, "UNAVAILABLE", fcm("UNAVAILABLE"), "retry"),
            (500, "INTERNAL", fcm("UNSPECIFIED_ERROR"), "retry"),
            (400, "X", fcm("NEW_WORD"), "poison"),
            (502, "", json!([]), "retry"),
        ] {
            let body = json!({ "error": { "code": http, "status": status, "details": details } });
            let answer = judge(http, body.to_string().as_bytes(), None);
            assert_eq!(answer.class.word(), class, "{body}");
        }
        for status in [404, 410] {
            let answer = judge(status, b"<html>", None);
            let after = Duration::from_secs(900);
            assert_eq!(answer.class, Class::Retry { after }, "{status}");
            assert_eq!(answer.reason, "NoStatus");
        }
        let later = judge(503, b"", Some(Duration::from_secs(120)));
        let after = Duration::from_secs(120);
        assert_eq!(later.class, Class::Retry { after });
        let sent = judge(200, br#"{"name":"projects/p/messages/1"}"#, None);
        assert_eq!(sent.provider_id.as_deref(), Some("projects/p/messages/1"));
    }
}

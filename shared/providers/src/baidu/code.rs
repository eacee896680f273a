//! Baidu's error codes as data. Only 30603 could be confirmed; the others are from its documents.

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, Class};
use crate::table::Verdict::{Dead, Fault, Poison, Retry};
use crate::table::{Details, Row, by_status, find};

const fn row(word: &'static str, verdict: crate::table::Verdict, meaning: &'static str) -> Row {
    Row {
        word,
        verdict,
        meaning,
    }
}

pub(crate) const ROWS: &[Row] = &[
    row("30600", Retry(60), "Baidu is in trouble"),
    row("30601", Poison, "Baidu does not take the request's method"),
    row("30602", Poison, "Baidu finds a parameter not valid"),
    row(
        "30603",
        Fault,
        "Baidu does not accept the API key or its signature",
    ),
    row(
        "30604",
        Retry(600),
        "the quota of the Baidu application is used up",
    ),
    row("30605", Dead, "Baidu does not know the device"),
    row(
        "30606",
        Retry(10),
        "Baidu found the request too old; it is signed anew",
    ),
    row("30607", Retry(60), "the device's channel was being renewed"),
    row(
        "30608",
        Dead,
        "the device is not bound to the application any more",
    ),
    row("30609", Retry(60), "the application has too many bindings"),
    row("30699", Retry(60), "Baidu is overloaded"),
];

#[derive(Deserialize)]
struct Body {
    error_code: Option<u64>,
    response_params: Option<Value>,
}

/// What a status and a body mean.
pub(crate) fn judge(status: u16, body: &[u8]) -> Answer {
    let parsed: Option<Body> = serde_json::from_slice(body).ok();
    let code = parsed.as_ref().and_then(|body| body.error_code);
    let answer = match (status, code) {
        (200, None | Some(0)) => {
            let id = parsed
                .and_then(|body| body.response_params)
                .and_then(|params| params.get("msg_id")?.as_str().map(str::to_owned));
            Answer::new(Class::Delivered, "Delivered", "Baidu took the push").with_provider_id(id)
        }
        (_, Some(code)) => {
            let word = code.to_string();
            find(ROWS, &word).map_or_else(
                || by_status(status, &word, Details::default()),
                |row| row.answer(Details::default()),
            )
        }
        (_, None) => by_status(status, "NoCode", Details::default()),
    };
    answer.with_status(status, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_classes_and_unknown_ones_follow_their_status() {
        for (status, body, class) in [
            (
                200,
                r#"{"request_id":1,"response_params":{"msg_id":"m"}}"#,
                "delivered",
            ),
            (
                401,
                r#"{"request_id":1,"error_code":30603,"error_msg":"x"}"#,
                "credential_fault",
            ),
            (
                400,
                r#"{"request_id":1,"error_code":30608,"error_msg":"x"}"#,
                "dead_token",
            ),
            (
                403,
                r#"{"request_id":1,"error_code":30604,"error_msg":"x"}"#,
                "retry",
            ),
            (
                400,
                r#"{"request_id":1,"error_code":31000,"error_msg":"x"}"#,
                "poison",
            ),
            (502, "<html>", "retry"),
            (404, "<html>", "retry"),
            (410, "<html>", "retry"),
        ] {
            assert_eq!(judge(status, body.as_bytes()).class.word(), class, "{body}");
        }
    }
}

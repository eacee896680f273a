//! Answers: the functions' own, and those the gateway gives instead of a function.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use http::{Response, StatusCode};
use http_api::CATALOGUE;
use http_body_util::Full;
use serde_json::json;

pub(super) type Answer = Response<Full<Bytes>>;

/// What the gateway says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthorized,
    Forbidden,
    NotFound,
    BodyTooLarge,
    BodyUnreadable,
    FunctionFailed,
    TooSlow,
}

impl Refusal {
    /// Status, last part of the problem's type, AWS's message, and what to do.
    fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Unauthorized",
                "The request carries no API key. Send the header `Authorization: Bearer <key>`, or at `/v1/notification` the header `X-API-Key: <key>`.",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "Forbidden",
                "The API key was refused: it is unknown, mistyped or expired. Check the key after `Bearer `, or ask an administrator of the network for a new one.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "unknown-path",
                "Not Found",
                "No operation has this method and path. `GET /v1/openapi.json` lists them all.",
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload-too-large",
                "Request Entity Too Large",
                "The body is larger than 10 MB. Send fewer events in one request.",
            ),
            Self::BodyUnreadable => (
                StatusCode::BAD_REQUEST,
                "malformed-json",
                "Bad Request",
                "The body ended before its announced length. Send the request again.",
            ),
            Self::FunctionFailed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal Server Error",
                "The function behind this operation failed. Try again; the operator finds the cause in the log under this request id.",
            ),
            Self::TooSlow => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Service Unavailable",
                "The function behind this operation did not answer in time. Try again.",
            ),
        }
    }

    pub(super) fn answer(self) -> Answer {
        let (status, kind, message, detail) = self.parts();
        let body = json!({
            "type": format!("/v1/problems/{kind}"),
            "title": title(kind),
            "status": status.as_u16(),
            "detail": detail,
            // API Gateway's own whole answer, so that a client made for it works here.
            "message": message,
        });
        let mut answer = Response::new(Full::from(body.to_string()));
        *answer.status_mut() = status;
        answer.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        answer
    }
}

/// The functions' problems and these share one catalogue.
fn title(kind: &str) -> Option<&'static str> {
    CATALOGUE
        .iter()
        .find(|entry| entry.id == kind)
        .map(|entry| entry.title)
}

/// The HTTP form of a function's answer; `None` when it is none, which API Gateway answers with 500.
pub(super) fn from_function(answer: ApiGatewayV2httpResponse) -> Option<Answer> {
    let body = match (answer.body, answer.is_base64_encoded) {
        (None | Some(Body::Empty), _) => Bytes::new(),
        (Some(Body::Text(text)), true) => STANDARD.decode(text).ok()?.into(),
        (Some(Body::Text(text)), false) => text.into(),
        (Some(Body::Binary(bytes)), _) => bytes.into(),
        // A kind of body that the pinned event types do not have.
        (Some(_), _) => return None,
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(answer.status_code).ok()?).ok()?;
    let headers = response.headers_mut();
    headers.extend(answer.headers);
    headers.extend(answer.multi_value_headers);
    for cookie in answer.cookies {
        headers.append(SET_COOKIE, cookie.parse().ok()?);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_in_the_catalogue_of_problems() {
        for refusal in [
            Refusal::Unauthorized,
            Refusal::Forbidden,
            Refusal::NotFound,
            Refusal::BodyTooLarge,
            Refusal::BodyUnreadable,
            Refusal::FunctionFailed,
            Refusal::TooSlow,
        ] {
            let (status, kind, ..) = refusal.parts();
            let entry = CATALOGUE.iter().find(|entry| entry.id == kind);
            assert_eq!(
                entry.map(|entry| entry.status),
                Some(status.as_u16()),
                "{kind}"
            );
        }
    }
}

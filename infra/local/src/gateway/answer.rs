//! Answers: the functions' own, and those the gateway gives instead of a function.

use std::borrow::Cow;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No key came in the header that the route takes it from.
    Unauthorized {
        header: String,
    },
    /// The authorizer denied the key in this header.
    Forbidden {
        header: String,
    },
    NotFound,
    BodyTooLarge,
    BodyUnreadable,
    FunctionFailed,
    TooSlow,
}

impl Refusal {
    /// Status, last part of the problem's type, AWS's message.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized { .. } => (StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized"),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden", "Forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "unknown-path", "Not Found"),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload-too-large",
                "Request Entity Too Large",
            ),
            Self::BodyUnreadable => (StatusCode::BAD_REQUEST, "malformed-json", "Bad Request"),
            Self::FunctionFailed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal Server Error",
            ),
            Self::TooSlow => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Service Unavailable",
            ),
        }
    }

    /// What to do.
    fn detail(&self) -> Cow<'static, str> {
        let text = match self {
            Self::Unauthorized { header } => {
                let form = if is_bearer(header) {
                    "Bearer <key>"
                } else {
                    "<key>"
                };
                return format!(
                    "The request carries no API key. Send the header `{header}: {form}`."
                )
                .into();
            }
            Self::Forbidden { header } => {
                let place = if is_bearer(header) {
                    "after `Bearer `".to_owned()
                } else {
                    format!("in the header `{header}`, without a word before it")
                };
                return format!(
                    "The API key was refused: it is unknown, mistyped or expired. Check the key {place}, or ask an administrator of the network for a new one."
                )
                .into();
            }
            Self::NotFound => {
                "No operation has this method and path. `GET /v1/openapi.json` lists them all."
            }
            Self::BodyTooLarge => {
                "The body is larger than 10 MB. Send fewer events in one request."
            }
            Self::BodyUnreadable => {
                "The body ended before its announced length. Send the request again."
            }
            Self::FunctionFailed => {
                "The function behind this operation failed. Try again; the operator finds the cause in the log under this request id."
            }
            Self::TooSlow => {
                "The function behind this operation did not answer in time. Try again."
            }
        };
        text.into()
    }

    pub(super) fn answer(&self) -> Answer {
        let (status, kind, message) = self.parts();
        let body = json!({
            "type": format!("/v1/problems/{kind}"),
            "title": title(kind),
            "status": status.as_u16(),
            "detail": self.detail(),
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

/// RFC 6750 puts a word before the key there.
fn is_bearer(header: &str) -> bool {
    header.eq_ignore_ascii_case("authorization")
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
        let header = || "Authorization".to_owned();
        for refusal in [
            Refusal::Unauthorized { header: header() },
            Refusal::Forbidden { header: header() },
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

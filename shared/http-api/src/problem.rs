//! RFC 9457 problems: a closed catalogue, one page each.

use domain::field::FieldError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Reply;

/// What an API call can go wrong with, as far as its caller may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Why the body cannot be read as JSON, in words for the caller.
    MalformedJson(String),
    /// Why the body cannot be read as a form, in words for the caller.
    MalformedForm(String),
    /// The rules that parts of the request break.
    InvalidFields(Vec<FieldError>),
    /// The body is larger than the operation takes.
    PayloadTooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The authorizer named no valid caller.
    Unauthorized,
    /// The key belongs to another network than the one in the path.
    WrongNetwork,
    /// The role or scopes of the key do not cover the operation.
    NotPermitted,
    /// The key was made with scopes that do not go together.
    MixedScopes,
    /// No route has this path, whatever the method.
    UnknownPath,
    /// The path is good, but there is no such thing where it leads.
    NotFound {
        /// Ends the sentence "there is no such …", e.g. `endpoint`.
        what: &'static str,
    },
    /// The path exists, but not with this method.
    MethodNotAllowed {
        /// The methods that the path takes, as the `allow` header lists them.
        allowed: Vec<&'static str>,
    },
    /// `If-Match` names an old version, or another change came between.
    PreconditionFailed,
    /// The `Idempotency-Key` already belongs to another request body.
    IdempotencyMismatch,
    /// The `Idempotency-Key` belongs to a request that made something, which was deleted since.
    MadeAndDeleted {
        /// E.g. `endpoint`.
        what: &'static str,
    },
    /// The network has as many of these as it may have.
    LimitReached {
        /// In the plural, e.g. `endpoints`.
        what: &'static str,
        /// How many that are.
        most: u32,
    },
    /// As many keys sign an endpoint's webhooks as may.
    TooManyKeys {
        /// How many that are.
        most: usize,
    },
    /// The network is strict, and the event's type or data is not what it takes.
    EventNotAllowed(Vec<FieldError>),
    /// The endpoint is disabled, so nothing can be sent to it.
    EndpointDisabled,
    /// What is asked for cannot be done to a thing in this state.
    WrongState {
        /// E.g. `delivery`.
        what: &'static str,
        /// The state it is in.
        state: &'static str,
        /// The states it would have to be in, e.g. `dead or parked`.
        allowed: &'static str,
        /// What was asked for, e.g. `replayed`.
        action: &'static str,
    },
    /// What is said against a push credential.
    CertificateRefused {
        /// What keeps it out; at least one.
        errors: Vec<FieldError>,
        /// What would not.
        warnings: Vec<FieldError>,
    },
    /// The push credential is in use.
    CertificateActive,
    /// The event's payload was expunged, so there is nothing to send.
    PayloadExpunged,
    /// Nothing was accepted or changed, and a repeat is safe.
    Unavailable,
    /// Others kept changing the same records, and a repeat is safe.
    Contended,
    /// Fanfare's own fault; only the operator's log has the reason.
    Internal,
}

/// A row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Last segment of its page at `/v1/problems/…`, e.g. `invalid-fields`.
    pub id: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// One line, the same every time it occurs.
    pub title: &'static str,
    /// Markdown for caller, operator and developer.
    pub page: &'static str,
}

macro_rules! catalogue {
    ($($name:ident = $id:literal, $status:literal, $title:literal;)+) => {
        $(const $name: Entry = Entry { id: $id, status: $status, title: $title, page: include_str!(concat!("problems/", $id, ".md")) };)+

        /// Every problem there is, those of the gateway included.
        pub const CATALOGUE: &[Entry] = &[$($name),+];
    };
}

catalogue! {
    MALFORMED_JSON = "malformed-json", 400, "The body is not JSON";
    MALFORMED_FORM = "malformed-form", 400, "The form cannot be read";
    INVALID_FIELDS = "invalid-fields", 422, "Some fields break a rule";
    PAYLOAD_TOO_LARGE = "payload-too-large", 413, "The body is too large";
    UNAUTHORIZED = "unauthorized", 401, "No API key was given";
    FORBIDDEN = "forbidden", 403, "The API key was refused";
    WRONG_NETWORK = "wrong-network", 403, "The API key belongs to another network";
    NOT_PERMITTED = "not-permitted", 403, "The API key may not do this";
    MIXED_SCOPES = "mixed-scopes", 403, "The API key has scopes that do not go together";
    UNKNOWN_PATH = "unknown-path", 404, "There is nothing at this path";
    NOT_FOUND = "not-found", 404, "There is no such thing";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The method does not apply here";
    PRECONDITION_FAILED = "precondition-failed", 412, "It was changed meanwhile";
    IDEMPOTENCY_MISMATCH = "idempotency-mismatch", 409, "The Idempotency-Key was used for another request";
    MADE_AND_DELETED = "made-and-deleted", 409, "What this request made was deleted since";
    LIMIT_REACHED = "limit-reached", 409, "There are as many as there may be";
    EVENT_NOT_ALLOWED = "event-not-allowed", 422, "The network is strict and does not take this event";
    ENDPOINT_DISABLED = "endpoint-disabled", 409, "The endpoint is disabled";
    WRONG_STATE = "wrong-state", 409, "Its state does not allow this";
    CERTIFICATE_REFUSED = "certificate-refused", 422, "The certificate was refused";
    CERTIFICATE_ACTIVE = "certificate-active", 409, "The certificate is active";
    PAYLOAD_EXPUNGED = "payload-expunged", 409, "The event's payload was expunged";
    UNAVAILABLE = "unavailable", 503, "Try again in a moment";
    CONTENDED = "contended", 503, "Others are changing the same";
    INTERNAL = "internal", 500, "Fanfare failed";
}

/// The JSON form, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A path of this API that explains the problem.
    #[serde(rename = "type")]
    #[schema(example = "/v1/problems/invalid-fields")]
    pub kind: String,
    #[expect(
        missing_docs,
        reason = "a doc comment here would become a description in the OpenAPI document"
    )]
    pub title: &'static str,
    #[expect(
        missing_docs,
        reason = "a doc comment here would become a description in the OpenAPI document"
    )]
    pub status: u16,
    /// What went wrong this time and what to do.
    pub detail: String,
    /// One entry per broken rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<ProblemFieldBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemField)]
#[expect(
    missing_docs,
    reason = "a doc comment here would become a description in the OpenAPI document"
)]
pub struct ProblemFieldBody {
    /// Path of the field, e.g. `eventTypes[2]`.
    pub field: String,
    /// A stable word for the rule, e.g. `required`.
    pub rule: String,
    pub message: String,
    /// Of a refused push credential: `error` keeps it out, `warning` would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, pattern = "^(error|warning)$")]
    pub severity: Option<&'static str>,
}

impl Problem {
    /// Its row of the catalogue.
    #[must_use]
    pub fn entry(&self) -> &'static Entry {
        match self {
            Self::MalformedJson(_) => &MALFORMED_JSON,
            Self::MalformedForm(_) => &MALFORMED_FORM,
            Self::InvalidFields(_) => &INVALID_FIELDS,
            Self::PayloadTooLarge { .. } => &PAYLOAD_TOO_LARGE,
            Self::Unauthorized => &UNAUTHORIZED,
            Self::WrongNetwork => &WRONG_NETWORK,
            Self::NotPermitted => &NOT_PERMITTED,
            Self::MixedScopes => &MIXED_SCOPES,
            Self::UnknownPath => &UNKNOWN_PATH,
            Self::NotFound { .. } => &NOT_FOUND,
            Self::MethodNotAllowed { .. } => &METHOD_NOT_ALLOWED,
            Self::PreconditionFailed => &PRECONDITION_FAILED,
            Self::IdempotencyMismatch => &IDEMPOTENCY_MISMATCH,
            Self::MadeAndDeleted { .. } => &MADE_AND_DELETED,
            Self::LimitReached { .. } | Self::TooManyKeys { .. } => &LIMIT_REACHED,
            Self::EventNotAllowed(_) => &EVENT_NOT_ALLOWED,
            Self::EndpointDisabled => &ENDPOINT_DISABLED,
            Self::WrongState { .. } => &WRONG_STATE,
            Self::CertificateRefused { .. } => &CERTIFICATE_REFUSED,
            Self::CertificateActive => &CERTIFICATE_ACTIVE,
            Self::PayloadExpunged => &PAYLOAD_EXPUNGED,
            Self::Unavailable => &UNAVAILABLE,
            Self::Contended => &CONTENDED,
            Self::Internal => &INTERNAL,
        }
    }

    /// One verdict that keeps a push credential out.
    #[must_use]
    pub fn certificate_refused(why: FieldError) -> Self {
        Self::CertificateRefused {
            errors: vec![why],
            warnings: Vec::new(),
        }
    }

    /// The body; also used for one item of an array.
    #[must_use]
    pub fn body(&self) -> ProblemBody {
        let entry = self.entry();
        let errors = match self {
            Self::InvalidFields(errors) | Self::EventNotAllowed(errors) => {
                errors.iter().map(field_body).collect()
            }
            Self::MalformedJson(_)
            | Self::MalformedForm(_)
            | Self::PayloadTooLarge { .. }
            | Self::Unauthorized
            | Self::WrongNetwork
            | Self::NotPermitted
            | Self::MixedScopes
            | Self::UnknownPath
            | Self::NotFound { .. }
            | Self::MethodNotAllowed { .. }
            | Self::PreconditionFailed
            | Self::IdempotencyMismatch
            | Self::MadeAndDeleted { .. }
            | Self::LimitReached { .. }
            | Self::TooManyKeys { .. }
            | Self::EndpointDisabled
            | Self::WrongState { .. }
            | Self::CertificateActive
            | Self::PayloadExpunged
            | Self::Unavailable
            | Self::Contended
            | Self::Internal => Vec::new(),
            Self::CertificateRefused { errors, warnings } => {
                let errors = errors.iter().map(|one| judged(one, "error"));
                let warnings = warnings.iter().map(|one| judged(one, "warning"));
                errors.chain(warnings).collect()
            }
        };
        ProblemBody {
            kind: format!("/v1/problems/{}", entry.id),
            title: entry.title,
            status: entry.status,
            detail: self.detail(),
            errors,
        }
    }

    /// The whole answer, with `allow` or `retry-after` where they apply.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let reply = self.in_form(self.entry().status, &self.body());
        reply.header("content-type", "application/problem+json")
    }

    /// The whole answer with another status and body.
    #[must_use]
    pub fn in_form(&self, status: u16, body: &impl Serialize) -> Reply {
        let mut reply = Reply::json(status, body);
        if let Self::MethodNotAllowed { allowed } = self {
            reply = reply.header("allow", &allowed.join(", "));
        }
        if matches!(self, Self::Unavailable | Self::Contended) {
            reply = reply.header("retry-after", "1");
        }
        reply
    }

    fn detail(&self) -> String {
        match self {
            Self::MalformedJson(why) | Self::MalformedForm(why) => why.clone(),
            Self::InvalidFields(errors) | Self::EventNotAllowed(errors) => {
                let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
                texts.join("; ")
            }
            Self::PayloadTooLarge { limit } => {
                format!("the body may have at most {limit} bytes here")
            }
            Self::Unauthorized => "send an API key: Authorization: Bearer ff_…".to_owned(),
            Self::WrongNetwork => "use a key of the network named in the path".to_owned(),
            Self::NotPermitted => "use a key whose role or scopes allow this operation".to_owned(),
            Self::MixedScopes => {
                "use two keys: one with the scope operator alone, one with the others".to_owned()
            }
            Self::UnknownPath => "see /v1/openapi.json for all paths".to_owned(),
            Self::NotFound { what } => format!("there is no such {what}"),
            Self::MethodNotAllowed { allowed } => format!("this path takes {}", allowed.join(", ")),
            Self::PreconditionFailed => {
                "read it again, and repeat the request if it is still wanted; an If-Match takes the new ETag".to_owned()
            }
            Self::IdempotencyMismatch => "use a new Idempotency-Key for a new request".to_owned(),
            Self::MadeAndDeleted { what } => format!(
                "the {what} that this request made was deleted since; use a new Idempotency-Key to make another"
            ),
            Self::LimitReached { what, most } => {
                format!("a network may have at most {most} {what}; delete one first")
            }
            Self::TooManyKeys { most } => format!(
                "{most} keys sign already, each for the grace it was given, and nothing was changed; revoke the former ones (DELETE …/secret/previous), wait until the grace of one is over, or rotate with a graceSeconds of 0"
            ),
            Self::EndpointDisabled => "enable the endpoint first".to_owned(),
            Self::WrongState {
                what,
                state,
                allowed,
                action,
            } => format!("the {what} is {state}; only one that is {allowed} can be {action}"),
            Self::CertificateRefused { errors, .. } => {
                let verdicts: Vec<_> = errors.iter().map(ToString::to_string).collect();
                verdicts.join("; ")
            }
            Self::CertificateActive => "activate another one first".to_owned(),
            Self::PayloadExpunged => {
                "nothing is left to send; report the event again under a new id".to_owned()
            }
            Self::Unavailable => "nothing was changed; repeat the request".to_owned(),
            Self::Contended => {
                "too many requests change the same at this moment; repeat the request".to_owned()
            }
            Self::Internal => {
                "the operator's log has the reason, under this answer's x-request-id".to_owned()
            }
        }
    }
}

fn field_body(error: &FieldError) -> ProblemFieldBody {
    ProblemFieldBody {
        field: error.field.clone(),
        rule: error.rule.to_owned(),
        message: error.message.clone(),
        severity: None,
    }
}

fn judged(verdict: &FieldError, severity: &'static str) -> ProblemFieldBody {
    ProblemFieldBody {
        severity: Some(severity),
        ..field_body(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_page_for_caller_operator_and_developer() {
        for entry in CATALOGUE {
            assert!(
                entry.page.starts_with(&format!("# {}\n", entry.title)),
                "{}",
                entry.id
            );
            for reader in ["**Caller.**", "**Operator.**", "**Developer.**"] {
                assert!(entry.page.contains(reader), "{} lacks {reader}", entry.id);
            }
        }
        let pages = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/problems"))
            .unwrap()
            .count();
        assert_eq!(pages, CATALOGUE.len(), "pages and problems are one to one");
    }
}

//! The JSON of this API.

mod conservation;
mod delivery;
mod endpoint;
mod filter;
mod quarantine;
mod replay;
mod secret;

pub(crate) use conservation::{ConservationBody, Counted, Next};
pub(crate) use delivery::{DeliveryBody, DeliveryPageBody};
pub(crate) use endpoint::{
    CreateEndpoint, CreatedEndpoint, DisableEndpoint, EndpointBody, EndpointPage, HeaderInput,
    UpdateEndpoint, all_types,
};
pub(crate) use filter::{FilterTest, FilterTested, SampleEvent};
pub(crate) use quarantine::{QuarantinePageBody, QuarantinedMessage};
pub(crate) use replay::{
    CreateReplay, EnableEndpoint, EnabledEndpoint, ReplayBody, ReplayPageBody,
};
pub(crate) use secret::{JsonWebKey, JsonWebKeys, RotateSecret, RotatedSecret};

use domain::attempt::{Attempt, Outcome, Response, Timing};
use serde::Serialize;
use utoipa::ToSchema;

/// One call to the receiver.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
pub(crate) struct AttemptBody {
    pub(crate) number: u32,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    pub(crate) duration_ms: u32,
    /// Milliseconds per stage. A kept connection has no dns, connect and tls.
    pub(crate) timing: TimingBody,
    pub(crate) succeeded: bool,
    /// The HTTP status, when there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// A stable word, e.g. `succeeded`, `http_status`, `dns_failed`, `deadline_exceeded`.
    pub(crate) reason: String,
    /// The same for people.
    pub(crate) explanation: String,
    /// The receiver's address, once one was connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<TlsBody>,
    /// The start of the answer; `GET …/attempts/{number}` has up to 16 KiB of a failed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<ResponseBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Timing)]
pub(crate) struct TimingBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_ms: Option<u32>,
    /// From the start to the answer's headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_byte_ms: Option<u32>,
    pub(crate) total_ms: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tls)]
pub(crate) struct TlsBody {
    #[schema(example = "TLS 1.3")]
    pub(crate) version: String,
    /// When the receiver's certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) certificate_ends_at: Option<String>,
}

/// What the receiver answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Response)]
pub(crate) struct ResponseBody {
    pub(crate) headers: Vec<ResponseHeader>,
    pub(crate) body: String,
    /// The receiver sent more than is shown here.
    pub(crate) truncated: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResponseHeader {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl TimingBody {
    fn of(timing: Timing) -> Self {
        Self {
            dns_ms: timing.dns,
            connect_ms: timing.connect,
            tls_ms: timing.tls,
            first_byte_ms: timing.first_byte,
            total_ms: timing.total,
        }
    }
}

impl ResponseBody {
    fn of(response: &Response) -> Self {
        let headers = response.headers.iter().map(|(name, value)| ResponseHeader {
            name: name.clone(),
            value: value.clone(),
        });
        Self {
            headers: headers.collect(),
            body: response.body.clone(),
            truncated: response.truncated,
        }
    }
}

impl AttemptBody {
    pub(crate) fn of(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: attempt.timing.total,
            timing: TimingBody::of(attempt.timing),
            succeeded: attempt.outcome == Outcome::Succeeded,
            status: attempt.status,
            reason: attempt.reason.clone(),
            explanation: attempt.explanation.clone(),
            address: attempt.address.map(|address| address.to_string()),
            tls: attempt.tls.as_ref().map(|tls| TlsBody {
                version: tls.version.clone(),
                certificate_ends_at: tls.not_after.map(|at| at.to_string()),
            }),
            response: attempt.response.as_ref().map(ResponseBody::of),
        }
    }

    /// With the whole answer instead of its start.
    pub(crate) fn with(self, whole: &Response) -> Self {
        Self {
            response: Some(ResponseBody::of(whole)),
            ..self
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    pub(crate) status: &'static str,
    pub(crate) version: &'static str,
}

/// The addresses that webhooks come from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Egress {
    /// Whether webhooks only ever come from `addresses`.
    pub(crate) fixed: bool,
    /// For the receivers' allow lists; empty when the addresses are AWS's and change.
    pub(crate) addresses: Vec<String>,
    pub(crate) explanation: &'static str,
}

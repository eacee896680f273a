use std::error::Error;
use std::fmt;

use domain::address::AddressRefusal;
use hyper_util::client::legacy;

use crate::answer::{Connection, Partial};
use crate::connector::ConnectError;

/// An attempt that brought no complete answer.
#[derive(Debug)]
pub struct Failure {
    /// Tells by [`FailureKind::sent`] whether another try may deliver twice.
    pub kind: FailureKind,
    /// As far as the attempt came. Boxed, so that results carrying a failure stay small.
    pub connection: Box<Connection>,
    /// What came of the answer, when it broke off after its headers.
    pub partial: Option<Box<Partial>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What ended the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// At least one of the receiver's addresses is not allowed.
    AddressRefused(AddressRefusal),
    /// The host name could not be resolved, or has no addresses.
    DnsFailed,
    /// No address accepted a connection, or it closed before the request was written.
    ConnectFailed,
    /// The TCP connection opened, but the handshake failed.
    TlsFailed {
        /// What the handshake failed on.
        reason: TlsFault,
    },
    /// The request's deadline passed before the answer was complete.
    DeadlineExceeded {
        /// How far the attempt had come by then.
        stage: Stage,
    },
    /// The connection broke after the request had begun to be sent.
    ConnectionLost,
    /// The receiver answered with something the client does not accept.
    InvalidResponse(ResponseFault),
    /// The URL is one HTTP cannot carry.
    InvalidUrl,
}

/// The stages of an attempt, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Resolving the host name and judging its addresses.
    Dns,
    /// Opening the TCP connection, over all addresses tried.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request and waiting for the answer's headers.
    Headers,
    /// Reading the answer's body, up to `Limits::body`.
    Body,
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// No known authority signed the certificate, or an intermediate one is missing.
    UnknownIssuer,
    /// The certificate is for another host name.
    WrongName,
    /// The certificate's validity has ended.
    Expired,
    /// The certificate's validity has not begun.
    NotYetValid,
    /// The certificate is unacceptable in another way.
    BadCertificate,
    /// The receiver ended the handshake.
    Rejected,
    /// No common version or cipher.
    Incompatible,
    /// What answered does not speak TLS.
    NotTls,
    /// The connection broke during the handshake.
    ConnectionLost,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFault {
    /// More bytes or lines of headers than the limits allow.
    HeadersTooLarge,
    /// Not valid HTTP.
    Malformed,
}

impl Failure {
    /// A failure without an answer and without a source.
    #[must_use]
    pub fn new(kind: FailureKind, connection: Connection) -> Self {
        Self {
            kind,
            connection: Box::new(connection),
            partial: None,
            source: None,
        }
    }

    pub(crate) fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..self
        }
    }

    pub(crate) fn after(self, partial: Partial) -> Self {
        Self {
            partial: Some(Box::new(partial)),
            ..self
        }
    }

    /// The answer's status, when it broke off after its headers.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.partial.as_ref().map(|partial| partial.status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.explain())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl FailureKind {
    /// Whether the receiver may have seen the request, so that another try may deliver twice.
    #[must_use]
    pub fn sent(self) -> bool {
        match self {
            Self::AddressRefused(_)
            | Self::DnsFailed
            | Self::ConnectFailed
            | Self::TlsFailed { .. }
            | Self::InvalidUrl => false,
            Self::DeadlineExceeded { stage } => stage >= Stage::Headers,
            Self::ConnectionLost | Self::InvalidResponse(_) => true,
        }
    }

    /// A stable word for metrics and records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::AddressRefused(_) => "address_refused",
            Self::DnsFailed => "dns_failed",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed { .. } => "tls_failed",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::ConnectionLost => "connection_lost",
            Self::InvalidResponse(_) => "invalid_response",
            Self::InvalidUrl => "invalid_url",
        }
    }

    /// Words for the customer: enough to act on, nothing about our network or what a name
    /// resolved to.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::AddressRefused(_) => "address not allowed",
            Self::DnsFailed => "the host name could not be resolved",
            Self::ConnectFailed => "the receiver did not accept a connection",
            Self::TlsFailed { reason } => reason.explain(),
            Self::DeadlineExceeded { stage } => stage.explain(),
            Self::ConnectionLost => "the connection broke before a complete answer arrived",
            Self::InvalidResponse(fault) => fault.explain(),
            Self::InvalidUrl => "the url cannot be sent over http",
        }
    }
}

impl Stage {
    fn explain(self) -> &'static str {
        match self {
            Self::Dns => "resolving the host name took too long",
            Self::Connect => "the receiver took too long to accept a connection",
            Self::Tls => "the receiver took too long to complete the tls handshake",
            Self::Headers => "the receiver took too long to answer",
            Self::Body => "the receiver took too long to finish its answer",
        }
    }
}

impl TlsFault {
    fn explain(self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "the receiver's certificate is not signed by a known authority, or an intermediate certificate is missing"
            }
            Self::WrongName => "the receiver's certificate is for another host name",
            Self::Expired => "the receiver's certificate has expired",
            Self::NotYetValid => "the receiver's certificate is not valid yet",
            Self::BadCertificate => "the receiver's certificate is not acceptable",
            Self::Rejected => "the receiver rejected the tls handshake",
            Self::Incompatible => "the receiver does not offer tls 1.2 or 1.3 with a modern cipher",
            Self::NotTls => "the receiver does not speak tls on this port",
            Self::ConnectionLost => "the connection broke during the tls handshake",
        }
    }
}

impl ResponseFault {
    fn explain(self) -> &'static str {
        match self {
            Self::HeadersTooLarge => "the headers of the receiver's answer are too large",
            Self::Malformed => "the receiver's answer is not valid http",
        }
    }
}

/// Reads what ended a request before its headers arrived.
pub(crate) fn classify(error: &legacy::Error) -> FailureKind {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(connect) = current.downcast_ref::<ConnectError>() {
            return connect.kind();
        }
        if let Some(http) = current.downcast_ref::<hyper::Error>() {
            return classify_http(http, error.connect_info().is_some());
        }
        cause = current.source();
    }
    not_answered(error.connect_info().is_some())
}

/// Reads what broke an answer's body off.
pub(crate) fn classify_body(error: &hyper::Error) -> FailureKind {
    classify_http(error, true)
}

fn classify_http(error: &hyper::Error, began: bool) -> FailureKind {
    if error.is_parse_too_large() {
        return FailureKind::InvalidResponse(ResponseFault::HeadersTooLarge);
    }
    if error.is_parse() {
        return FailureKind::InvalidResponse(ResponseFault::Malformed);
    }
    not_answered(began)
}

/// hyper names the connection in its error from the moment it may have written to it.
fn not_answered(began: bool) -> FailureKind {
    if began {
        FailureKind::ConnectionLost
    } else {
        FailureKind::ConnectFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::address::AddressPolicy;
    use std::collections::HashSet;

    #[test]
    fn each_kind_says_whether_the_receiver_may_have_seen_the_request() {
        let loopback = "127.0.0.1".parse().unwrap();
        let refusal = AddressPolicy::PublicOnly.judge(loopback).unwrap_err();
        let deadline = |stage| FailureKind::DeadlineExceeded { stage };
        for (kind, word, sent) in [
            (
                FailureKind::AddressRefused(refusal),
                "address_refused",
                false,
            ),
            (FailureKind::DnsFailed, "dns_failed", false),
            (FailureKind::ConnectFailed, "connect_failed", false),
            (
                FailureKind::TlsFailed {
                    reason: TlsFault::Expired,
                },
                "tls_failed",
                false,
            ),
            (deadline(Stage::Dns), "deadline_exceeded", false),
            (deadline(Stage::Connect), "deadline_exceeded", false),
            (deadline(Stage::Tls), "deadline_exceeded", false),
            (deadline(Stage::Headers), "deadline_exceeded", true),
            (deadline(Stage::Body), "deadline_exceeded", true),
            (FailureKind::ConnectionLost, "connection_lost", true),
            (
                FailureKind::InvalidResponse(ResponseFault::Malformed),
                "invalid_response",
                true,
            ),
            (FailureKind::InvalidUrl, "invalid_url", false),
        ] {
            assert_eq!((kind.word(), kind.sent()), (word, sent), "{kind:?}");
        }
    }

    #[test]
    fn explanations_are_distinct_fragments() {
        let tls = [
            TlsFault::UnknownIssuer,
            TlsFault::WrongName,
            TlsFault::Expired,
            TlsFault::NotYetValid,
            TlsFault::BadCertificate,
            TlsFault::Rejected,
            TlsFault::Incompatible,
            TlsFault::NotTls,
            TlsFault::ConnectionLost,
        ];
        let stages = [
            Stage::Dns,
            Stage::Connect,
            Stage::Tls,
            Stage::Headers,
            Stage::Body,
        ];
        let faults = [ResponseFault::HeadersTooLarge, ResponseFault::Malformed];
        let kinds: Vec<_> = [FailureKind::DnsFailed, FailureKind::ConnectFailed]
            .into_iter()
            .chain([FailureKind::ConnectionLost, FailureKind::InvalidUrl])
            .chain(tls.map(|reason| FailureKind::TlsFailed { reason }))
            .chain(stages.map(|stage| FailureKind::DeadlineExceeded { stage }))
            .chain(faults.map(FailureKind::InvalidResponse))
            .collect();
        let said: HashSet<_> = kinds.iter().map(|kind| kind.explain()).collect();
        assert_eq!(said.len(), kinds.len());
        for words in said {
            assert!(
                words.starts_with(char::is_lowercase) && !words.ends_with('.'),
                "{words}"
            );
        }
    }
}

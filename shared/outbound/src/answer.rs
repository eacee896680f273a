use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// What the receiver said. Any status is an answer; judging it is the caller's work.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status; a redirect is told, never followed.
    pub status: u16,
    /// All of them, at most `Limits::headers` bytes.
    pub headers: HeaderMap,
    /// The body's start, as it came: never decompressed.
    pub body: Bytes,
    /// The receiver sent, or was still sending, more than `Limits::body`.
    pub body_truncated: bool,
    /// The one that the request went over.
    pub connection: Connection,
}

/// An answer that broke off after its headers: what came of it is the receiver's word all the same.
#[derive(Debug, Clone)]
pub struct Partial {
    /// The HTTP status.
    pub status: u16,
    /// All of them; none when they were more than `Limits::headers`.
    pub headers: HeaderMap,
    /// What came of the body, at most `Limits::body`.
    pub body: Bytes,
}

/// What is known of the connection an attempt used or tried to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// For operators; never shown to customers.
    pub address: Option<IpAddr>,
    /// The connection was open before this request.
    pub reused: bool,
    /// How long opening and using it took for this request.
    pub timing: Timing,
    /// `None` over plain HTTP, and when no handshake was completed.
    pub tls: Option<TlsFacts>,
}

/// How long each stage took; `None` for a stage not reached, or not run because of reuse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Resolving the name and judging its addresses.
    pub dns: Option<Duration>,
    /// Opening the TCP connection, over all addresses tried.
    pub connect: Option<Duration>,
    /// The TLS handshake alone; `None` over plain HTTP too.
    pub tls: Option<Duration>,
    /// From the start of the request to its answer's headers.
    pub first_byte: Option<Duration>,
    /// From the start of the request to its end, whether answer or failure.
    pub total: Duration,
}

/// What the handshake told about the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsFacts {
    /// The one that both sides agreed on.
    pub version: TlsVersion,
    /// When the receiver's certificate expires, in Unix seconds. `None` when its date is not one
    /// X.509 allows.
    pub not_after: Option<u64>,
}

/// The TLS versions that the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// `TLS 1.2` or `TLS 1.3`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

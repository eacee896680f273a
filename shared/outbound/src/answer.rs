use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// What the receiver said. Any status is an answer; judging it is the caller's work.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body's start, as it came: never decompressed.
    pub body: Bytes,
    /// The receiver sent, or was still sending, more than `Limits::body`.
    pub body_truncated: bool,
    pub connection: Connection,
}

/// What is known of the connection an attempt used or tried to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// For operators; never shown to customers.
    pub address: Option<IpAddr>,
    /// The connection was open before this request.
    pub reused: bool,
    pub timing: Timing,
    pub tls: Option<TlsFacts>,
}

/// How long each stage took; `None` for a stage not reached, or not run because of reuse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    /// From the start of the request to its answer's headers.
    pub first_byte: Option<Duration>,
    pub total: Duration,
}

/// What the handshake told about the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsFacts {
    pub version: TlsVersion,
    /// When the receiver's certificate expires, in Unix seconds. `None` when its date is not one
    /// X.509 allows.
    pub not_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

impl TlsVersion {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

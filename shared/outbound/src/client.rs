use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::address::AddressPolicy;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::time::timeout_at;

use crate::answer::{Answer, Partial};
use crate::attempt::{Attempt, CURRENT, Facts};
use crate::connector::Connector;
use crate::failure::{Failure, FailureKind, ResponseFault, Stage, classify, classify_body};
use crate::limits::{
    CONNECTION_MAX_AGE, HTTP2_CONNECTION_WINDOW, HTTP2_PING_INTERVAL, HTTP2_PING_TIMEOUT,
    HTTP2_STREAM_WINDOW, Limits, MIN_BUFFER_BYTES, POOL_IDLE_TIMEOUT, POOL_MAX_IDLE_PER_HOST,
};
use crate::request::Request;
use crate::resolver::Resolver;
use crate::socket::Dialer;
use crate::tls::{Tls, public_roots};

/// The guarded client. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    limits: Limits,
    connection_max_age: Duration,
}

/// A client with other surroundings than production's.
#[derive(Debug)]
pub struct Builder {
    policy: AddressPolicy,
    limits: Limits,
    resolver: Resolver,
    dialer: Dialer,
    roots: RootCertStore,
    connection_max_age: Duration,
}

impl Client {
    /// A client that resolves with the system and trusts the public authorities.
    #[must_use]
    pub fn new(policy: AddressPolicy, limits: Limits) -> Self {
        Self::builder(policy).limits(limits).build()
    }

    /// Begins with what [`new`](Self::new) uses and [`Limits::default`].
    #[must_use]
    pub fn builder(policy: AddressPolicy) -> Builder {
        Builder {
            policy,
            limits: Limits::default(),
            resolver: Resolver::system(),
            dialer: Dialer::system(),
            roots: public_roots(),
            connection_max_age: CONNECTION_MAX_AGE,
        }
    }

    /// Sends one POST and reads its answer, at most once and within the request's deadline.
    ///
    /// # Errors
    ///
    /// When no complete answer came. A status, whichever, is an answer.
    pub async fn post(&self, request: Request) -> Result<Answer, Failure> {
        let attempt = Arc::new(Attempt::start(request.deadline));
        let mut request = match request.into_http() {
            Ok(request) => request,
            Err(error) => {
                let connection = attempt.connection(None);
                return Err(Failure::new(FailureKind::InvalidUrl, connection).caused_by(error));
            }
        };
        let capture = capture_connection(&mut request);
        let answered = self.exchange(request, &attempt, &capture).await;
        self.retire(&attempt, &capture, answered.as_ref().err());
        answered
    }

    async fn exchange(
        &self,
        request: http::Request<Full<Bytes>>,
        attempt: &Arc<Attempt>,
        capture: &CaptureConnection,
    ) -> Result<Answer, Failure> {
        let answering = CURRENT.scope(Arc::clone(attempt), self.http.request(request));
        let response = match timeout_at(attempt.deadline, answering).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return Err(fail(classify(&error), attempt, capture).caused_by(error));
            }
            Err(elapsed) => {
                let stage = stage(attempt, capture);
                return Err(late(stage, attempt, capture).caused_by(elapsed));
            }
        };
        attempt.answered();
        self.read(response, attempt, capture).await
    }

    /// Takes the connection out of use for further requests when it has served long enough, whatever
    /// came of this one. So it does when its HTTP/2 stream was late, because nothing else tells: a peer
    /// may answer pings and no requests, as a proxy does whose server is gone.
    fn retire(&self, attempt: &Attempt, capture: &CaptureConnection, failure: Option<&Failure>) {
        let connected = capture.connection_metadata();
        let Some(connected) = connected.as_ref() else {
            return;
        };
        let age = facts(connected).map(|facts| attempt.age(&facts));
        let aged = age.is_some_and(|age| age >= self.connection_max_age);
        let was_late = failure
            .is_some_and(|failure| matches!(failure.kind, FailureKind::DeadlineExceeded { .. }));
        if aged || (was_late && connected.is_negotiated_h2()) {
            // It finishes what it is doing for others.
            connected.poison();
        }
    }

    async fn read(
        &self,
        response: http::Response<Incoming>,
        attempt: &Attempt,
        capture: &CaptureConnection,
    ) -> Result<Answer, Failure> {
        let (head, body) = response.into_parts();
        let partial = |headers, body| Partial {
            status: head.status.as_u16(),
            headers,
            body,
        };
        if header_bytes(&head.headers) > self.limits.headers {
            let kind = FailureKind::InvalidResponse(ResponseFault::HeadersTooLarge);
            let came = partial(HeaderMap::new(), Bytes::new());
            return Err(fail(kind, attempt, capture).after(came));
        }
        let mut kept = BytesMut::new();
        let reading = read_capped(body, self.limits.body, &mut kept);
        let failure = match timeout_at(attempt.deadline, reading).await {
            Ok(Ok(body_truncated)) => {
                let facts: Option<Arc<Facts>> = head.extensions.get().cloned();
                return Ok(Answer {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body: kept.freeze(),
                    body_truncated,
                    connection: attempt.connection(facts.as_deref()),
                });
            }
            Ok(Err(error)) => fail(classify_body(&error), attempt, capture).caused_by(error),
            Err(elapsed) => late(Stage::Body, attempt, capture).caused_by(elapsed),
        };
        Err(failure.after(partial(head.headers.clone(), kept.freeze())))
    }
}

impl Builder {
    /// How much of an answer is read; [`Limits::default`] unless given.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Asked instead of the system's; what it answers is judged all the same.
    #[must_use]
    pub fn resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Connects instead of the system; asked only for addresses that were allowed.
    #[must_use]
    pub fn dialer(self, dialer: Dialer) -> Self {
        Self { dialer, ..self }
    }

    /// Trusts one authority more.
    ///
    /// # Errors
    ///
    /// When it is not a certificate.
    pub fn extra_root(mut self, root: CertificateDer<'_>) -> Result<Self, rustls::Error> {
        self.roots.add(root.into_owned())?;
        Ok(self)
    }

    /// How long a connection may serve before a new one, with addresses judged anew, takes over.
    #[must_use]
    pub fn connection_max_age(self, connection_max_age: Duration) -> Self {
        Self {
            connection_max_age,
            ..self
        }
    }

    /// Makes the client, with no connection opened yet.
    #[must_use]
    pub fn build(self) -> Client {
        // Bounds what hyper buffers, to a read more or less; `header_bytes` keeps the exact limit.
        let buffered = self.limits.headers.max(MIN_BUFFER_BYTES);
        let connector = Connector::new(
            self.policy,
            self.resolver,
            self.dialer,
            Tls::new(self.roots),
        );
        let http = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
            // Said although it is hyper's default: only requests hyper still holds whole, none of
            // whose bytes were written, go to another connection. Receivers never see two.
            .retry_canceled_requests(true)
            .http1_max_buf_size(buffered)
            .http2_max_header_list_size(u32::try_from(buffered).unwrap_or(u32::MAX))
            .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .http2_keep_alive_interval(HTTP2_PING_INTERVAL)
            .http2_keep_alive_timeout(HTTP2_PING_TIMEOUT)
            .build(connector);
        Client {
            http,
            limits: self.limits,
            connection_max_age: self.connection_max_age,
        }
    }
}

fn fail(kind: FailureKind, attempt: &Attempt, capture: &CaptureConnection) -> Failure {
    let facts = capture.connection_metadata().as_ref().and_then(facts);
    Failure::new(kind, attempt.connection(facts.as_deref()))
}

fn late(stage: Stage, attempt: &Attempt, capture: &CaptureConnection) -> Failure {
    fail(FailureKind::DeadlineExceeded { stage }, attempt, capture)
}

/// The stage the deadline struck in before there was an answer. Once a connection was taken for it,
/// the request may be on the wire; before that, connecting says how far it came.
fn stage(attempt: &Attempt, capture: &CaptureConnection) -> Stage {
    if capture.connection_metadata().is_some() {
        Stage::Headers
    } else {
        attempt.stage()
    }
}

fn facts(connected: &Connected) -> Option<Arc<Facts>> {
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove()
}

/// Names and values as HTTP/1 writes them, RFC 9112 §5: `name: value` and a line end.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// Reads the body's first `cap` bytes into `kept`; whether there was more. Returning early drops the
/// rest, which makes hyper close an HTTP/1 connection and reset an HTTP/2 stream.
async fn read_capped(
    mut body: Incoming,
    cap: usize,
    kept: &mut BytesMut,
) -> Result<bool, hyper::Error> {
    while let Some(frame) = body.frame().await {
        // Trailers are no part of the answer we judge.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = cap.saturating_sub(kept.len());
        let (fits, beyond) = data.split_at_checked(room).unwrap_or((&data, &[]));
        // Copied, because a frame would keep hyper's whole read buffer alive.
        kept.extend_from_slice(fits);
        if !beyond.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

//! Opens connections for hyper's pool: resolve, judge, dial, handshake.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use domain::address::{AddressPolicy, AddressRefusal};
use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use crate::attempt::{Attempt, CURRENT, Facts};
use crate::dial::dial;
use crate::failure::{FailureKind, Stage, TlsFault};
use crate::link::Link;
use crate::resolver::Resolver;
use crate::socket::{Dialer, Socket};
use crate::tls::{self, Tls};

#[derive(Clone)]
pub(crate) struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    policy: AddressPolicy,
    resolver: Resolver,
    dialer: Dialer,
    tls: Tls,
}

/// Why no connection came to be; one variant per step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("read host and port of the url")]
    ReadTarget,
    #[error("resolve host name")]
    Resolve(#[source] io::Error),
    #[error("judge resolved addresses")]
    Judge(#[source] AddressRefusal),
    #[error("connect to the judged addresses")]
    Dial(#[source] io::Error),
    #[error("complete tls handshake")]
    Handshake(#[source] io::Error),
    #[error("connect before the deadline")]
    Deadline(Stage),
    /// Only possible if hyper stopped calling connectors inside the request's future.
    #[error("find the attempt this connection is for")]
    FindAttempt,
}

impl ConnectError {
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::ReadTarget => FailureKind::InvalidUrl,
            Self::Resolve(_) => FailureKind::DnsFailed,
            Self::Judge(refusal) => FailureKind::AddressRefused(*refusal),
            Self::Dial(_) | Self::FindAttempt => FailureKind::ConnectFailed,
            Self::Handshake(error) => FailureKind::TlsFailed {
                reason: TlsFault::read(error),
            },
            Self::Deadline(stage) => FailureKind::DeadlineExceeded { stage: *stage },
        }
    }
}

impl Connector {
    pub(crate) fn new(policy: AddressPolicy, resolver: Resolver, dialer: Dialer, tls: Tls) -> Self {
        Self {
            shared: Arc::new(Shared {
                policy,
                resolver,
                dialer,
                tls,
            }),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Link>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        // Here and not in the future below, which hyper may move to a task of its own.
        let attempt = CURRENT.try_with(Arc::clone);
        Box::pin(async move {
            let attempt = attempt.map_err(|_| ConnectError::FindAttempt)?;
            let target = Target::read(&uri).ok_or(ConnectError::ReadTarget)?;
            // The caller has the same deadline; this one ends what was moved to the background.
            match timeout_at(attempt.deadline, shared.open(&target, &attempt)).await {
                Ok(opened) => opened.map(TokioIo::new),
                Err(_) => Err(ConnectError::Deadline(attempt.stage())),
            }
        })
    }
}

impl Shared {
    async fn open(&self, target: &Target<'_>, attempt: &Attempt) -> Result<Link, ConnectError> {
        let begun = Instant::now();
        let addresses = self.resolve(target).await?;
        let dns = begun.elapsed();
        attempt.resolved(dns);

        let begun = Instant::now();
        let dialed = dial(&self.dialer, &addresses).await;
        let (tcp, address) = dialed.map_err(ConnectError::Dial)?;
        let connect = begun.elapsed();
        attempt.connected(address.ip(), connect);

        if !target.tls {
            return Ok(Link::plain(
                tcp,
                Facts::new(address.ip(), dns, connect, None),
            ));
        }
        let begun = Instant::now();
        let stream = self.handshake(target, tcp).await?;
        let facts = tls::facts(&stream).map(|facts| (begun.elapsed(), facts));
        Ok(Link::tls(
            stream,
            Facts::new(address.ip(), dns, connect, facts),
        ))
    }

    /// All addresses of the target, every one of them allowed. One bad answer refuses the whole
    /// name: whoever mixes them in is probing, and choosing among them would be guessing.
    async fn resolve(&self, target: &Target<'_>) -> Result<Vec<SocketAddr>, ConnectError> {
        let answers = match target.host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => self
                .resolver
                .lookup(target.host)
                .await
                .map_err(ConnectError::Resolve)?,
        };
        if answers.is_empty() {
            let none = io::Error::new(io::ErrorKind::NotFound, "no addresses");
            return Err(ConnectError::Resolve(none));
        }
        for answer in &answers {
            self.judge(target, *answer).map_err(ConnectError::Judge)?;
        }
        let addresses = answers.into_iter();
        Ok(addresses
            .map(|ip| SocketAddr::new(ip.to_canonical(), target.port))
            .collect())
    }

    fn judge(&self, target: &Target<'_>, answer: IpAddr) -> Result<(), AddressRefusal> {
        if target.tls {
            self.policy.judge(answer)
        } else {
            self.policy.judge_plain(answer)
        }
    }

    async fn handshake(
        &self,
        target: &Target<'_>,
        tcp: Socket,
    ) -> Result<tls::Stream, ConnectError> {
        self.tls
            .handshake(target.host, tcp)
            .await
            .map_err(ConnectError::Handshake)
    }
}

struct Target<'a> {
    /// Without the brackets of an IPv6 address.
    host: &'a str,
    port: u16,
    tls: bool,
}

impl<'a> Target<'a> {
    fn read(uri: &'a Uri) -> Option<Self> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let host = uri.host()?;
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some(Self {
            host: bare.unwrap_or(host),
            port,
            tls,
        })
    }
}

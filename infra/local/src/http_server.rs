//! HTTP/1.1 on a listener, with keep-alive and a graceful end. Gateway and receivers share it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::shutdown::Shutdown;

/// How long requests under way may take to end: API Gateway's own limit for one request.
const DRAIN: Duration = Duration::from_secs(30);
/// A client that opens a connection and says nothing is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failed accept (too many open files), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers requests until the end is told, then lets those under way finish.
pub(crate) async fn serve<S, F>(listener: TcpListener, shutdown: Shutdown, service: S)
where
    S: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Some(accepted) = shutdown.or(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let service = service.clone();
                connections.spawn(connection(stream, peer, shutdown.clone(), service));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // Past the limit the set is dropped, which closes what is left.
    drop(tokio::time::timeout(DRAIN, drained).await);
}

async fn connection<S, F>(stream: TcpStream, peer: SocketAddr, shutdown: Shutdown, service: S)
where
    S: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    // Without it small answers wait for the peer's delayed acknowledgement.
    drop(stream.set_nodelay(true));
    let answer = service_fn(move |request| {
        let answer = service(request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(serving);
    // A connection's error is its client's: it went away or sent no HTTP.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = shutdown.wait() => serving.as_mut().graceful_shutdown(),
    }
    drop(serving.await);
}

//! The same services over HTTP/1.1 on loopback, for other processes: any SDK, the AWS CLI.
//!
//! Signatures are not checked, so nothing but loopback is served, and the Host header must
//! name this computer: otherwise a web page could reach the services through a name of its own
//! that resolves to 127.0.0.1.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::protocol::{ErrorBody, JSON_1_0, Reply};
use crate::router::{Router, TARGET_HEADER};

/// DynamoDB's largest request is a batch of 16 MB.
const MAXIMUM_BODY_BYTES: usize = 17 * 1_024 * 1_024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// A long poll takes 20 s; whoever takes longer to leave is cut off.
const FAREWELL: Duration = Duration::from_secs(25);
/// After an accept that failed (usually for want of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn serve(
    router: Router,
    listener: TcpListener,
    shutdown: impl Future,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let problem = format!(
            "serve on {address}: requests are not authenticated, so bind a loopback address"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            _ = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(router.clone(), stream, stopped.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(stop);
    let finish = async { while connections.join_next().await.is_some() {} };
    // Connections still open after this are aborted with the set.
    drop(tokio::time::timeout(FAREWELL, finish).await);
    Ok(())
}

async fn serve_connection(router: Router, stream: TcpStream, mut stopped: watch::Receiver<()>) {
    // Latency matters more than packets on loopback; a socket without the option works too.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(handle(&router, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A connection that breaks is its client's business: the client sees it and retries.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

async fn handle(router: &Router, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !is_for_this_computer(request.headers().get(HOST)) {
        return respond(refusal(
            403,
            "the Host header must be localhost or a loopback address",
        ));
    }
    let target = request
        .headers()
        .get(TARGET_HEADER)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = Limited::new(request.into_body(), MAXIMUM_BODY_BYTES)
        .collect()
        .await;
    match body {
        Ok(body) => respond(router.answer(target.as_deref(), &body.to_bytes()).await),
        Err(_) => respond(refusal(
            413,
            "the request body could not be read or is larger than 17 MiB",
        )),
    }
}

fn refusal(status: u16, message: &str) -> Reply {
    Reply::error(
        status,
        JSON_1_0,
        &ErrorBody {
            shape: "com.amazon.coral.service#AccessDeniedException",
            message,
        },
    )
}

fn is_for_this_computer(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    // `sqs.local` is the host of our own queue URLs.
    matches!(name, "localhost" | "sqs.local")
        || name.ends_with(".localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn respond(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    let request_id = [("x-amzn-requestid", crate::random::uuid())];
    for (name, value) in reply.headers.into_iter().chain(request_id) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_computer_are_served() {
        let cases = [
            ("localhost:8000", true),
            ("127.0.0.1", true),
            ("[::1]:8000", true),
            ("sqs.localhost", true),
            ("rebound.example:8000", false),
            ("10.0.0.1:8000", false),
        ];
        for (host, served) in cases {
            assert_eq!(
                is_for_this_computer(HeaderValue::from_str(host).ok().as_ref()),
                served,
                "{host}"
            );
        }
        assert!(!is_for_this_computer(None));
    }
}

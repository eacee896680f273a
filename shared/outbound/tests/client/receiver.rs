//! Receivers to send to, and the requests to send.

use std::convert::Infallible;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::address::AddressPolicy;
use domain::webhook_url::WebhookUrl;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use outbound::{Answer, Client, Failure, Limits, Request, Resolver};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) const CHUNK: usize = 64 * 1024;
pub(crate) const BIG_BODY: usize = 10 * 1024 * 1024;

/// Long enough that only a hanging test meets it.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);
/// Short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// What a receiver has seen so far.
#[derive(Clone, Default)]
pub(crate) struct Log {
    connections: Arc<AtomicUsize>,
    chunks: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<http::Request<Bytes>>>>,
}

impl Log {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Chunks of the big body handed to the connection.
    pub(crate) fn chunks(&self) -> usize {
        self.chunks.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<http::Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
}

impl Receiver {
    pub(crate) async fn plain() -> Self {
        Self::serve(None).await
    }

    pub(crate) async fn tls(acceptor: TlsAcceptor) -> Self {
        Self::serve(Some(acceptor)).await
    }

    async fn serve(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Log::default();
        let served = log.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                served.connections.fetch_add(1, Ordering::SeqCst);
                let (tls, log) = (tls.clone(), served.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve_connection(tcp, log).await,
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(stream) => serve_connection(stream, log).await,
                            Err(_refused_by_the_client) => {}
                        },
                    }
                });
            }
        });
        Self { address, log }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn serve_connection(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, log: Log) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let log = log.clone();
        async move {
            let path = request.uri().path().to_owned();
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            log.requests
                .lock()
                .unwrap()
                .push(http::Request::from_parts(head, body));
            Ok::<_, Infallible>(answer(&path, &log).await)
        }
    });
    // Connections the client drops end in errors here, as they should.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(io), service)
        .await;
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(path: &str, log: &Log) -> Response<Body> {
    let mut response = Response::new(full(b"hello".to_vec()));
    match path {
        "/redirect" => {
            *response.status_mut() = StatusCode::FOUND;
            response
                .headers_mut()
                .insert("location", HeaderValue::from_static("/elsewhere"));
        }
        path if path.starts_with("/redirect-") => {
            let status = path.trim_start_matches("/redirect-").parse().unwrap();
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let inside = HeaderValue::from_static("http://169.254.169.254/latest/meta-data/");
            response.headers_mut().insert("location", inside);
        }
        "/gzip" => {
            response
                .headers_mut()
                .insert("content-encoding", HeaderValue::from_static("gzip"));
        }
        "/exact" => *response.body_mut() = full(vec![b'x'; Limits::default().body]),
        "/big" => *response.body_mut() = big(log),
        "/drip" => *response.body_mut() = drip(),
        "/hang" => pending().await,
        "/large-headers" => {
            let large = HeaderValue::try_from("x".repeat(Limits::default().headers)).unwrap();
            response.headers_mut().insert("x-large", large);
        }
        "/many-headers" => {
            for _ in 0..200 {
                response
                    .headers_mut()
                    .append("x-many", HeaderValue::from_static("x"));
            }
        }
        _ => {}
    }
    response
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).boxed()
}

fn big(log: &Log) -> Body {
    let chunks = Arc::clone(&log.chunks);
    let frames = futures::stream::iter((0..BIG_BODY / CHUNK).map(move |_| {
        chunks.fetch_add(1, Ordering::SeqCst);
        Ok(Frame::data(Bytes::from(vec![b'x'; CHUNK])))
    }));
    BodyExt::boxed(StreamBody::new(frames))
}

/// A byte now and then, for ever.
fn drip() -> Body {
    let frames = futures::stream::unfold((), |()| async {
        tokio::time::sleep(SHORT / 10).await;
        Some((Ok(Frame::data(Bytes::from_static(b"."))), ()))
    });
    // A stream that is also `Sync` is what a boxed body asks for.
    BodyExt::boxed(SyncBody(Mutex::new(Box::pin(StreamBody::new(frames)))))
}

struct SyncBody<B>(Mutex<std::pin::Pin<Box<B>>>);

impl<B: hyper::body::Body> hyper::body::Body for SyncBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.0.lock().unwrap().as_mut().poll_frame(cx)
    }
}

/// A receiver that reads a request and answers with these bytes, then closes; one connection per
/// script.
pub(crate) async fn scripted(scripts: Vec<Vec<&'static [u8]>>) -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = Log::default();
    let served = log.clone();
    tokio::spawn(async move {
        for script in scripts {
            let (mut tcp, _) = listener.accept().await.unwrap();
            served.connections.fetch_add(1, Ordering::SeqCst);
            for bytes in script {
                if !read_request(&mut tcp).await {
                    break;
                }
                served
                    .requests
                    .lock()
                    .unwrap()
                    .push(http::Request::new(Bytes::new()));
                tcp.write_all(bytes).await.unwrap();
            }
        }
    });
    (address, log)
}

/// Reads up to the end of the `{}` all test requests carry.
async fn read_request(tcp: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"{}") {
        match tcp.read_u8().await {
            Ok(byte) => seen.push(byte),
            Err(_) => return false,
        }
    }
    true
}

pub(crate) fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text, AddressPolicy::LoopbackAllowed).unwrap()
}

pub(crate) fn request(url_text: &str, deadline: Duration) -> Request {
    let body = Bytes::from_static(b"{}");
    Request {
        url: url(url_text),
        headers: HeaderMap::new(),
        body,
        deadline,
    }
}

pub(crate) fn client() -> Client {
    Client::new(AddressPolicy::LoopbackAllowed, Limits::default())
}

pub(crate) async fn post(client: &Client, url: &str) -> Result<Answer, Failure> {
    client.post(request(url, AMPLE)).await
}

/// A resolver that gives these answers in turn, the last one for ever.
pub(crate) fn answering(turns: &[&[&str]]) -> Resolver {
    let parse = |turn: &&[&str]| turn.iter().map(|ip| ip.parse().unwrap()).collect();
    let turns: Vec<Vec<IpAddr>> = turns.iter().map(parse).collect();
    let asked = AtomicUsize::new(0);
    Resolver::from_fn(move |_| {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(turns.len() - 1);
        let answers = turns[turn].clone();
        Box::pin(async move { Ok(answers) })
    })
}

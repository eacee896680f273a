//! Listeners, connections, and how the worst of them end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{future, io};

use bytes::Bytes;
use domain::credential::Environment;
use h2::Reason;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::apns::certificate::PushCertificate;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::state::State;
use crate::{apns, baidu, fcm, oauth};

/// As Apple's servers announce.
const MAX_STREAMS: u32 = 1000;

/// No request here is larger.
const MAX_BODY: usize = 256 * 1024;

/// What listens at an address.
#[derive(Debug, Clone)]
pub(crate) enum Service {
    Apns(Environment),
    /// FCM and the token service.
    Google {
        base: String,
    },
    Baidu {
        base: String,
    },
}

/// Whose connection it is.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) environment: Environment,
    pub(crate) certificate: Option<PushCertificate>,
    /// A request with a good credential has come: more than one stream may be open.
    pub(crate) proven: AtomicBool,
    open: std::sync::atomic::AtomicU32,
}

impl Peer {
    pub(crate) fn new(
        environment: Environment,
        certificate: Option<PushCertificate>,
        proven: bool,
    ) -> Self {
        Self {
            environment,
            certificate,
            proven: AtomicBool::new(proven),
            open: std::sync::atomic::AtomicU32::new(0),
        }
    }
}

/// What a connection's bytes go over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// How a connection is to end, told once.
#[derive(Debug, Default)]
struct End {
    told: Notify,
    goaway: OnceLock<String>,
}

pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    service: Service,
    state: Arc<State>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (acceptor, service, state) = (acceptor.clone(), service.clone(), Arc::clone(&state));
        connections.spawn(async move {
            // Without it an answer waits for the acknowledgement of the one before.
            drop(stream.set_nodelay(true));
            accept(stream, acceptor, service, state).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, from its handshake to its end.
pub(crate) async fn accept(
    stream: impl Stream,
    acceptor: TlsAcceptor,
    service: Service,
    state: Arc<State>,
) {
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => connection(stream, service, &state).await,
        Err((_, refused)) => linger(refused).await,
    }
}

/// Closed with words of the client unread, a connection is reset, and the alert that says why the
/// handshake failed may be lost on its way.
async fn linger(mut stream: impl Stream) {
    const PATIENCE: Duration = Duration::from_secs(1);
    let drain = async {
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever goes wrong here, the client is gone.
    drop(tokio::time::timeout(PATIENCE, drain).await);
}

async fn connection(stream: TlsStream<impl Stream>, service: Service, state: &Arc<State>) {
    state.lock().connections += 1;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(|chain| PushCertificate::parse(chain.first()?));
    let fingerprint = certificate
        .as_ref()
        .map(|certificate| certificate.fingerprint);
    let h2_only = matches!(service, Service::Apns(_));
    let environment = match service {
        Service::Apns(environment) => environment,
        Service::Google { .. } | Service::Baidu { .. } => Environment::Production,
    };
    let proven = certificate.is_some() || !h2_only;
    let peer = Arc::new(Peer::new(environment, certificate, proven));
    let end = Arc::new(End::default());
    let io = SharedIo(Arc::new(Mutex::new(stream)));
    let service = service_fn({
        let (state, end) = (Arc::clone(state), Arc::clone(&end));
        move |request| {
            exchange(
                request,
                service.clone(),
                Arc::clone(&state),
                Arc::clone(&peer),
                Arc::clone(&end),
            )
        }
    });
    let mut ended = state.ended.subscribe();
    let over = async {
        loop {
            tokio::select! {
                biased;
                () = end.told.notified() => return,
                told = ended.recv() => if told.ok() == fingerprint && fingerprint.is_some() { return },
            }
        }
    };
    if h2_only {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(MAX_STREAMS);
        let serving = builder.serve_connection(TokioIo::new(io.clone()), service);
        tokio::select! { biased; _ = serving => return, () = over => {} }
    } else {
        let builder = auto::Builder::new(TokioExecutor::new());
        let serving = builder.serve_connection(TokioIo::new(io.clone()), service);
        tokio::select! { biased; _ = serving => return, () = over => {} }
    }
    if let Some(reason) = end.goaway.get() {
        drop(go_away(io, reason).await);
    }
}

async fn exchange(
    request: Request<Incoming>,
    service: Service,
    state: Arc<State>,
    peer: Arc<Peer>,
    end: Arc<End>,
) -> Result<Response<Full<Bytes>>, h2::Error> {
    let reply = reply(request, &service, &state, &peer).await;
    match reply {
        Reply::Answer(answer) => Ok(answer.response()),
        Reply::RefusedStream => Err(Reason::REFUSED_STREAM.into()),
        Reply::Abandoned => Err(Reason::CANCEL.into()),
        Reply::Fault(fault) => {
            match fault {
                Fault::GoAway(reason) => {
                    end.goaway.get_or_init(|| reason);
                    end.told.notify_one();
                }
                Fault::Drop => end.told.notify_one(),
                Fault::Silence | Fault::Refuse { .. } => {}
            }
            future::pending().await
        }
    }
}

async fn reply(request: Request<Incoming>, service: &Service, state: &State, peer: &Peer) -> Reply {
    let others = peer.open.fetch_add(1, Ordering::SeqCst);
    if others > 0 && !peer.proven.load(Ordering::SeqCst) {
        peer.open.fetch_sub(1, Ordering::SeqCst);
        return Reply::RefusedStream;
    }
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        // Whatever is judged of it, it is refused.
        Err(error) if error.is::<LengthLimitError>() => Bytes::new(),
        Err(_) => {
            peer.open.fetch_sub(1, Ordering::SeqCst);
            return Reply::Abandoned;
        }
    };
    let reply = match service {
        Service::Apns(_) => apns::answer(state, peer, &head, &body),
        Service::Google { base } if head.uri.path() == "/token" => {
            oauth::answer(state, &format!("{base}/token"), &body)
        }
        Service::Google { .. } => fcm::answer(state, &head, &body),
        Service::Baidu { base } => baidu::answer(state, base, &head, &body),
    };
    if matches!(&reply, Reply::Answer(answer) if answer.status == 200) {
        peer.proven.store(true, Ordering::SeqCst);
    }
    peer.open.fetch_sub(1, Ordering::SeqCst);
    reply
}

/// RFC 9113 §6.8, by hand: `hyper` can send no debug data. No stream was processed.
async fn go_away(mut io: SharedIo<impl Stream>, reason: &str) -> io::Result<()> {
    let debug = json!({ "reason": reason }).to_string();
    let length = u32::try_from(8 + debug.len())
        .unwrap_or_default()
        .to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([7, 0, 0, 0, 0, 0]);
    frame.extend([0; 8]);
    frame.extend(debug.as_bytes());
    io.write_all(&frame).await?;
    io.shutdown().await
}

/// The connection, still at hand when the HTTP machinery has let go of it.
struct SharedIo<S>(Arc<Mutex<TlsStream<S>>>);

impl<S> Clone for SharedIo<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Stream> SharedIo<S> {
    fn with<T>(&self, work: impl FnOnce(Pin<&mut TlsStream<S>>) -> T) -> T {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(Pin::new(&mut *stream))
    }
}

impl<S: Stream> AsyncRead for SharedIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(cx, buf))
    }
}

impl<S: Stream> AsyncWrite for SharedIo<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

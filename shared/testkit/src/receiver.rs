use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a test waits for something that should happen at once, before it calls it missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A webhook as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The event id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Whether the public Standard Webhooks library verifies this with `secret`.
    #[must_use]
    pub fn verifies(&self, secret: &str) -> bool {
        let library = standardwebhooks::Webhook::new(secret).expect("a well-formed secret");
        library.verify(&self.body, &self.headers).is_ok()
    }

    /// Whether the public Standard Webhooks library makes the same signature with `secret`. Unlike
    /// [`verifies`](Self::verifies) it does not ask how old the timestamp is: tests move the clock.
    #[must_use]
    pub fn signed_with(&self, secret: &str) -> bool {
        let library = standardwebhooks::Webhook::new(secret).expect("a well-formed secret");
        let at = self.header("webhook-timestamp").parse().unwrap_or_default();
        let body = self.body.as_ref();
        let expected = library.sign(self.id(), at, body).expect("a signature");
        self.header("webhook-signature")
            .split(' ')
            .any(|given| given == expected)
    }
}

/// What a receiver answers. A number is a status without more.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl From<u16> for Scripted {
    fn from(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: "seen".to_owned(),
        }
    }
}

impl Scripted {
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An HTTP server on loopback that keeps what it gets and answers as its script says.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    count: watch::Receiver<usize>,
    gate: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// `script` gives the answer to a webhook, from the webhook and the number of earlier ones with
    /// the same id.
    pub async fn start<R: Into<Scripted>>(
        script: impl Fn(&Received, usize) -> R + Send + Sync + 'static,
    ) -> Self {
        Self::with_gate(
            move |webhook, before| script(webhook, before).into(),
            usize::MAX,
        )
        .await
    }

    /// Accepts the first `free` webhooks; leaves every later one without an answer until
    /// [`release`](Self::release).
    pub async fn holding_after(free: usize) -> Self {
        Self::with_gate(|_, _| 200.into(), free).await
    }

    async fn with_gate(
        script: impl Fn(&Received, usize) -> Scripted + Send + Sync + 'static,
        free: usize,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let (tell, count) = watch::channel(0);
        let (gate, opened) = watch::channel(false);
        let shared = Arc::new(Shared {
            received: Arc::clone(&received),
            tell,
            script: Box::new(script),
            free,
            opened,
        });
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    // A sender that hangs up is part of the game.
                    drop(
                        auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self {
            address,
            received,
            count,
            gate,
            server,
        }
    }

    /// Answers everything that was held, and holds nothing any more.
    pub fn release(&self) {
        self.gate.send_replace(true);
    }

    /// Accepts everything.
    pub async fn accepting() -> Self {
        Self::start(|_, _| 200_u16).await
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything received so far, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until at least `count` webhooks have arrived, and gives them all.
    ///
    /// # Panics
    /// When they do not arrive while anyone would wait.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut level = self.count.clone();
        let arrived = tokio::time::timeout(PATIENCE, level.wait_for(|have| *have >= count)).await;
        assert!(
            arrived.is_ok(),
            "{} of {count} webhooks arrived",
            self.received().len()
        );
        self.received()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// From a webhook and the number of earlier ones with its id to the answer it gets.
type Script = dyn Fn(&Received, usize) -> Scripted + Send + Sync;

struct Shared {
    received: Arc<Mutex<Vec<Received>>>,
    tell: watch::Sender<usize>,
    script: Box<Script>,
    free: usize,
    opened: watch::Receiver<bool>,
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(Response::new(Full::default()));
    };
    let webhook = Received {
        headers: head.headers,
        body: body.to_bytes(),
    };
    let (scripted, place) = {
        let mut received = shared.received.lock().unwrap();
        let before = received
            .iter()
            .filter(|earlier| earlier.id() == webhook.id())
            .count();
        let scripted = (shared.script)(&webhook, before);
        received.push(webhook);
        shared.tell.send_replace(received.len());
        (scripted, received.len())
    };
    if place > shared.free {
        // An error means that the test is over.
        drop(shared.opened.clone().wait_for(|open| *open).await);
    }
    let mut response = Response::builder().status(scripted.status);
    for (name, value) in scripted.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(scripted.body)).unwrap())
}

//! Lambda's Runtime API, version 2018-06-01, for one sandbox.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";

/// What every function of ours has at least until its deadline.
const TIME_LEFT: Duration = Duration::from_secs(30);

/// How an invocation ended.
#[derive(Debug)]
pub(crate) enum Answer {
    Response(Value),
    Error(Value),
}

pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    invocations: mpsc::UnboundedSender<Invocation>,
    polled: watch::Receiver<Option<Instant>>,
}

struct Invocation {
    id: String,
    event: Value,
    answer: oneshot::Sender<Answer>,
}

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    open: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    polled: watch::Sender<Option<Instant>>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (invocations, waiting) = mpsc::unbounded_channel();
        let (polled_sender, polled) = watch::channel(None);
        let shared = Arc::new(Shared {
            waiting: waiting.into(),
            open: Mutex::default(),
            polled: polled_sender,
        });
        tokio::spawn(accept(listener, shared));
        Self {
            address,
            invocations,
            polled,
        }
    }

    /// When the function first asked for work.
    pub(crate) async fn first_poll(&self) -> Instant {
        let mut polled = self.polled.clone();
        let polled = polled.wait_for(Option::is_some).await.unwrap();
        polled.unwrap()
    }

    pub(crate) async fn invoke(&self, id: String, event: &Value) -> Answer {
        let (answer, answered) = oneshot::channel();
        let event = event.clone();
        assert!(
            self.invocations
                .send(Invocation { id, event, answer })
                .is_ok()
        );
        answered
            .await
            .expect("the function answers before its sandbox ends")
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(serve(&shared, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn serve(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if head.method == Method::GET && path == format!("{INVOCATION}next") {
        return next(shared).await;
    }
    let body = body.collect().await.unwrap().to_bytes();
    let answer = path
        .strip_prefix(INVOCATION)
        .and_then(|rest| rest.split_once('/'));
    let Some((id, kind)) = answer else {
        return empty(StatusCode::NOT_FOUND);
    };
    let value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap()
    };
    let answer = match kind {
        "response" => Answer::Response(value),
        "error" => Answer::Error(value),
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let Some(waiting) = shared.open.lock().unwrap().remove(id) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    // The test may have stopped waiting.
    drop(waiting.send(answer));
    empty(StatusCode::ACCEPTED)
}

/// Keeps the function waiting until there is work, as Lambda freezes it.
async fn next(shared: &Shared) -> Response<Full<Bytes>> {
    shared
        .polled
        .send_if_modified(|at| at.is_none() && at.replace(Instant::now()).is_none());
    let Some(invocation) = shared.waiting.lock().await.recv().await else {
        return empty(StatusCode::GONE);
    };
    let now = Duration::from_millis(runtime::Clock::system().now().millis());
    let deadline = (now + TIME_LEFT).as_millis().to_string();
    let body = Full::new(Bytes::from(invocation.event.to_string()));
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.id)
        .header("lambda-runtime-deadline-ms", deadline)
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:under-test",
        )
        .header(
            "lambda-runtime-trace-id",
            "Root=1-692313aa-5b1f0f5a6d1e2c3b4a596877;Parent=53995c3f42cd8ad8;Sampled=0",
        )
        .body(body)
        .unwrap();
    shared
        .open
        .lock()
        .unwrap()
        .insert(invocation.id, invocation.answer);
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

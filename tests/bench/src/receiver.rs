//! Receivers in a process of their own, so that their work is not counted as Fanfare's.
//!
//! `POST /hook/…` is answered at once and noted; `POST /late/…` after ten seconds, and `POST /hang/…`
//! never, and neither is noted. `GET /count` tells how many came, `GET /latencies` also how long each
//! was under way, and forgets them.

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::time::Timestamp;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use runtime::Clock;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::error::Failed;

/// How long the receivers wait for the next webhook before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Within the deadline that an endpoint has unless it says otherwise.
const LATE: Duration = Duration::from_secs(10);

/// Nobody waits this long.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// How an endpoint treats what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    AtOnce,
    Late,
    Hangs,
}

impl Manner {
    fn word(self) -> &'static str {
        match self {
            Self::AtOnce => "hook",
            Self::Late => "late",
            Self::Hangs => "hang",
        }
    }
}

/// The running receivers.
#[derive(Debug)]
pub(crate) struct Receivers {
    _process: Child,
    base: String,
    http: reqwest::Client,
}

impl Receivers {
    pub(crate) async fn start() -> Result<Self, Failed> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("receive")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take();
        let output = output.ok_or_else(|| Failed::new("the receivers print nothing"))?;
        let base = BufReader::new(output).lines().next_line().await?;
        Ok(Self {
            _process: process,
            base: base.ok_or_else(|| Failed::new("the receivers did not start"))?,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Where endpoint `number` is.
    pub(crate) fn url(&self, number: u32, manner: Manner) -> String {
        format!("{}/{}/{number}", self.base, manner.word())
    }

    pub(crate) async fn count(&self) -> Result<usize, Failed> {
        let url = format!("{}/count", self.base);
        Ok(self.http.get(url).send().await?.json().await?)
    }

    /// Waits until `expected` webhooks have come since they were last forgotten.
    pub(crate) async fn wait_for(&self, expected: usize) -> Result<(), Failed> {
        let mut seen = 0;
        let mut waited = Duration::ZERO;
        while seen < expected {
            tokio::time::sleep(LOOK_EVERY).await;
            let count = self.count().await?;
            waited = if count > seen {
                Duration::ZERO
            } else {
                waited + LOOK_EVERY
            };
            seen = count;
            if waited > PATIENCE {
                let text = format!("{seen} of {expected} webhooks arrived, then none for a minute");
                return Err(Failed::new(text));
            }
        }
        Ok(())
    }

    /// How long each webhook was under way, in microseconds, shortest first; and forgets them.
    pub(crate) async fn latencies(&self) -> Result<Vec<u64>, Failed> {
        let url = format!("{}/latencies", self.base);
        let mut latencies: Vec<u64> = self.http.get(url).send().await?.json().await?;
        latencies.sort_unstable();
        Ok(latencies)
    }
}

/// The part of a webhook that is measured.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a str>,
}

type Latencies = Arc<Mutex<Vec<u64>>>;

/// Serves until its parent ends it.
pub(crate) async fn run() -> Result<(), Failed> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    let latencies = Latencies::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let latencies = Arc::clone(&latencies);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&latencies), request));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            // A sender that hangs up is part of the game.
            drop(served);
        });
    }
}

async fn answer(
    latencies: Latencies,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    let is = |manner: Manner| path.split('/').nth(1) == Some(manner.word());
    let (hangs, late) = (is(Manner::Hangs), is(Manner::Late));
    let counts = request.uri().path() == "/count";
    let posted = request.method() == Method::POST;
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if hangs {
        tokio::time::sleep(FOR_EVER).await;
    }
    if late {
        tokio::time::sleep(LATE).await;
    }
    let answer = if late {
        Bytes::new()
    } else if posted {
        let latency = latency(&body);
        locked(&latencies).push(latency);
        Bytes::new()
    } else if counts {
        Bytes::from(locked(&latencies).len().to_string())
    } else {
        let taken = std::mem::take(&mut *locked(&latencies));
        Bytes::from(serde_json::to_vec(&taken).unwrap_or_default())
    };
    Ok(Response::new(Full::new(answer)))
}

fn locked(latencies: &Latencies) -> std::sync::MutexGuard<'_, Vec<u64>> {
    latencies.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the event's acceptance to now, as the milliseconds of its timestamp allow.
fn latency(body: &[u8]) -> u64 {
    let envelope = serde_json::from_slice::<Envelope<'_>>(body).ok();
    let accepted = envelope
        .and_then(|envelope| envelope.timestamp)
        .and_then(Timestamp::parse);
    let waited = accepted.map(|accepted| Clock::system().now().since(accepted));
    waited.map_or(0, |waited| {
        u64::try_from(waited.as_micros()).unwrap_or(u64::MAX)
    })
}

//! Receivers inside the simulation: HTTP/1.1 by hand over in-memory streams, because what they do
//! wrong no server library would do.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outbound::{Dialer, Resolver, Socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::plan::{Behaviour, Character};
use crate::sandbox::Process;
use crate::stage::{Post, Stage};

/// Endpoint number n listens on this port plus n.
const FIRST_PORT: u16 = 8000;

/// As much as a socket holds before a writer waits.
const BUFFER: usize = 64 * 1024;

pub(crate) fn url(endpoint: usize) -> String {
    format!(
        "http://localhost:{}/hook",
        FIRST_PORT + u16::try_from(endpoint).unwrap()
    )
}

/// Names resolve to loopback, or to nothing.
pub(crate) fn resolver(stage: &Arc<Stage>) -> Resolver {
    let stage = Arc::clone(stage);
    Resolver::from_fn(move |_| {
        let fails = stage.goes_wrong(stage.plan.rates.no_name);
        Box::pin(async move {
            if fails {
                return Err(io::Error::other("no name server answers"));
            }
            Ok(vec![[127, 0, 0, 1].into()])
        })
    })
}

/// The network as one process sees it.
pub(crate) fn dialer(stage: &Arc<Stage>, process: &Arc<Process>) -> Dialer {
    let (stage, process) = (Arc::clone(stage), Arc::clone(process));
    Dialer::from_fn(move |address: SocketAddr| {
        let endpoint = usize::from(address.port() - FIRST_PORT);
        let (stage, process) = (Arc::clone(&stage), Arc::clone(&process));
        Box::pin(async move {
            tokio::time::sleep(stage.chance.millis(1..5)).await;
            if behaviour(&stage, endpoint) == Behaviour::Refuse {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            tokio::spawn(serve(stage, process, endpoint, theirs));
            Ok(Socket::Memory(ours))
        })
    })
}

/// How this endpoint treats the next one.
fn behaviour(stage: &Stage, endpoint: usize) -> Behaviour {
    let well = Behaviour::Answer(200, "");
    match &stage.plan.endpoints[endpoint].character {
        Character::Always(behaviour) => behaviour.clone(),
        Character::Flaky(share) if stage.goes_wrong(*share) => Behaviour::bad(&stage.chance),
        Character::Wild if stage.goes_wrong(0.8) => Behaviour::bad(&stage.chance),
        Character::Well | Character::Flaky(_) | Character::Wild => well,
    }
}

async fn serve(
    stage: Arc<Stage>,
    process: Arc<Process>,
    endpoint: usize,
    mut stream: DuplexStream,
) {
    while let Some((head, body)) = read(&mut stream).await {
        let post = note(&stage, &process, endpoint, &head, &body);
        let behaviour = behaviour(&stage, endpoint);
        stage.tell(&format!(
            "  receiver {endpoint} got {}: {behaviour:?}",
            header(&head, "webhook-id")
        ));
        tokio::time::sleep(stage.chance.millis(1..20)).await;
        // A sender that hangs up is part of the game.
        let kept = answer(&stage, post, &behaviour, &mut stream).await;
        if !kept.unwrap_or(false) {
            return;
        }
    }
}

/// One request, head and body; `None` when the other side is gone.
async fn read(stream: &mut DuplexStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let length: usize = header(&head, "content-length").parse().unwrap();
    let mut body = body;
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).unwrap_or_default()
}

fn note(stage: &Stage, process: &Process, endpoint: usize, head: &str, body: &[u8]) -> usize {
    let (id, stamp) = (
        header(head, "webhook-id"),
        header(head, "webhook-timestamp"),
    );
    let stamp: u64 = stamp.parse().unwrap();
    let secret = stage.secrets.lock().unwrap()[endpoint].clone();
    let library = standardwebhooks::Webhook::new(&secret).unwrap();
    let expected = library
        .sign(id, i64::try_from(stamp).unwrap(), body)
        .unwrap();
    stage.arrived(Post {
        endpoint,
        event: id.to_owned(),
        stamp,
        at: stage.time.passed(),
        invocation: process.invocation.load(Ordering::SeqCst),
        answered: None,
        verified: header(head, "webhook-signature") == expected,
    })
}

/// Whether the connection can be used again.
async fn answer(
    stage: &Stage,
    post: usize,
    behaviour: &Behaviour,
    stream: &mut DuplexStream,
) -> io::Result<bool> {
    let mut say = async |status: u16, headers: &str, body: &str| {
        let text = format!("HTTP/1.1 {status} So\r\n{headers}\r\n{body}");
        stream.write_all(text.as_bytes()).await?;
        stage.answered(post, status);
        io::Result::Ok(())
    };
    match behaviour {
        Behaviour::Answer(status, headers) => {
            let headers = format!("content-length: 4\r\n{headers}");
            say(*status, &headers, "seen").await?;
            return Ok(*status >= 200);
        }
        Behaviour::Slow(seconds, status) => {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            say(*status, "content-length: 0\r\n", "").await?;
            return Ok(true);
        }
        Behaviour::Hang => {
            // Until the sender gives up.
            stream.read_u8().await?;
        }
        Behaviour::Drip(status) => {
            say(*status, "content-length: 9999\r\n", "").await?;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(b".").await?;
            }
        }
        Behaviour::Reset | Behaviour::Refuse => {}
        Behaviour::CutHead => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await?,
        Behaviour::CutBody(status) => {
            say(*status, "content-length: 100\r\n", "only this").await?;
        }
        Behaviour::Overrun(status) => {
            say(*status, "content-length: 2\r\n", "more than two").await?;
        }
        Behaviour::Big(status) => {
            say(*status, "content-length: 10485760\r\n", "").await?;
            for _ in 0..160 {
                stream.write_all(&[b'x'; 65_536]).await?;
            }
        }
        Behaviour::HugeHeaders(status) => {
            let huge = format!("content-length: 0\r\nx-huge: {}\r\n", "x".repeat(40_000));
            say(*status, &huge, "").await?;
        }
        Behaviour::NotHttp => stream.write_all(b"220 mail.example ready\r\n\r\n").await?,
    }
    Ok(false)
}

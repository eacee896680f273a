use std::future::pending;
use std::io;

use domain::address::AddressPolicy;
use outbound::{Client, Failure, FailureKind, Resolver, ResponseFault, Stage};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::receiver::{Receiver, SHORT, client, post, request, scripted};

async fn fails_in_time(client: &Client, url: &str) -> Failure {
    let failure = client.post(request(url, SHORT)).await.unwrap_err();
    assert!(failure.connection.timing.total >= SHORT);
    failure
}

#[tokio::test]
async fn the_deadline_covers_every_stage_and_names_it() {
    let receiver = Receiver::plain().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let full = TcpSocket::new_v4().unwrap();
    full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = full.listen(0).unwrap();
    let full_address = full.local_addr().unwrap();
    // A full accept queue answers no handshake, which is what a filtered port looks like.
    let _queued = TcpStream::connect(full_address).await.unwrap();

    for (url, stage, sent, status) in [
        ("http://localhost/".to_owned(), Stage::Dns, false, None),
        (
            format!("http://{full_address}/"),
            Stage::Connect,
            false,
            None,
        ),
        (
            format!("https://{}/", silent.local_addr().unwrap()),
            Stage::Tls,
            false,
            None,
        ),
        (receiver.url("/hang"), Stage::Headers, true, None),
        (receiver.url("/drip"), Stage::Body, true, Some(200)),
    ] {
        let never = Resolver::from_fn(|_| Box::pin(pending()));
        let client = Client::builder(AddressPolicy::LoopbackAllowed)
            .resolver(never)
            .build();
        let failure = fails_in_time(&client, &url).await;
        assert_eq!(
            failure.kind,
            FailureKind::DeadlineExceeded { stage },
            "{url}"
        );
        assert_eq!(
            (failure.kind.sent(), failure.status()),
            (sent, status),
            "{url}"
        );
        assert_eq!(
            failure.connection.timing.dns.is_some(),
            stage > Stage::Dns,
            "{url}"
        );
        assert_eq!(
            failure.connection.timing.connect.is_some(),
            stage > Stage::Connect,
            "{url}"
        );
        assert_eq!(
            failure.connection.address.is_some(),
            stage > Stage::Connect,
            "{url}"
        );
        assert_eq!(
            failure.connection.timing.first_byte.is_some(),
            stage == Stage::Body,
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_hung_is_not_used_again() {
    let receiver = Receiver::plain().await;
    let client = client();
    fails_in_time(&client, &receiver.url("/hang")).await;
    let answer = post(&client, &receiver.url("/")).await.unwrap();
    assert!(!answer.connection.reused);
}

#[tokio::test]
async fn a_broken_answer_is_a_failure_that_was_sent() {
    const CUT_BODY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this";
    const CUT_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-le";
    const CUT_CHUNK: &[u8] = b"HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe";
    const NOT_HTTP: &[u8] = b"220 mail.example ESMTP ready\r\n\r\n";
    const BAD_HEADER: &[u8] = b"HTTP/1.1 200 OK\r\n: nameless\r\n\r\n";
    const TWO_LENGTHS: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    let malformed = FailureKind::InvalidResponse(ResponseFault::Malformed);
    for (bytes, kind, status) in [
        (CUT_BODY, FailureKind::ConnectionLost, Some(200)),
        (CUT_CHUNK, FailureKind::ConnectionLost, Some(500)),
        (CUT_HEAD, FailureKind::ConnectionLost, None),
        (b"", FailureKind::ConnectionLost, None),
        (NOT_HTTP, malformed, None),
        (BAD_HEADER, malformed, None),
        (TWO_LENGTHS, malformed, None),
    ] {
        let (address, log) = scripted(vec![vec![bytes], vec![bytes]]).await;
        let failure = post(&client(), &format!("http://{address}/"))
            .await
            .unwrap_err();
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!((failure.kind, failure.status()), (kind, status), "{shown}");
        assert!(failure.kind.sent());
        assert!(failure.connection.address.is_some());
        assert_eq!(log.requests().len(), 1, "sent again after {shown}");
    }
}

#[tokio::test]
async fn headers_beyond_their_cap_are_refused() {
    let receiver = Receiver::plain().await;
    for path in ["/large-headers", "/many-headers"] {
        let failure = post(&client(), &receiver.url(path)).await.unwrap_err();
        let expected = FailureKind::InvalidResponse(ResponseFault::HeadersTooLarge);
        assert_eq!(failure.kind, expected, "{path}");
    }
}

/// The kept connection dies after the request was written: the receiver may have acted on it, so
/// only the caller may decide to send it again.
#[tokio::test]
async fn a_post_lost_on_a_kept_connection_is_not_sent_again() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (address, log) = scripted(vec![vec![OK, b""], vec![OK]]).await;
    let client = client();
    let url = format!("http://{address}/");
    post(&client, &url).await.unwrap();
    let failure = post(&client, &url).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ConnectionLost);
    assert!(failure.connection.reused);
    assert_eq!((log.requests().len(), log.connections()), (2, 1));
}

#[tokio::test]
async fn a_closed_port_is_a_failure_that_was_not_sent() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let failure = post(&client(), &format!("http://{address}/"))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::ConnectFailed);
    assert!(!failure.kind.sent());
}

#[tokio::test]
async fn a_name_without_addresses_is_a_dns_failure() {
    let refusing = || Box::pin(async { Err(io::Error::other("SERVFAIL from 10.0.0.2")) });
    for resolver in [
        Resolver::from_fn(|_| Box::pin(async { Ok(Vec::new()) })),
        Resolver::from_fn(move |_| refusing()),
    ] {
        let client = Client::builder(AddressPolicy::LoopbackAllowed)
            .resolver(resolver)
            .build();
        let failure = post(&client, "https://receiver.example/")
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::DnsFailed);
        assert!(!failure.kind.sent());
        assert!(!failure.to_string().contains("SERVFAIL"));
    }
}

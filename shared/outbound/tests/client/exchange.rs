use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use domain::address::AddressPolicy;
use http::{HeaderMap, HeaderValue};
use outbound::{Client, Limits};

use crate::receiver::{AMPLE, BIG_BODY, CHUNK, Receiver, answering, client, post, request};

#[tokio::test]
async fn a_post_arrives_as_given_and_its_answer_comes_back() {
    let receiver = Receiver::plain().await;
    let mut request = request(&receiver.url("/in?team=blue"), AMPLE);
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    headers.insert("host", HeaderValue::from_static("elsewhere.example"));
    headers.insert("content-length", HeaderValue::from_static("999"));
    request.headers = headers;

    let answer = client().post(request).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
    assert!(!answer.body_truncated);

    let seen = &receiver.log.requests()[0];
    assert_eq!(
        (seen.method().as_str(), seen.uri().to_string().as_str()),
        ("POST", "/in?team=blue")
    );
    assert_eq!(seen.headers()["webhook-id"], "msg_1");
    assert_eq!(seen.headers()["host"], receiver.address.to_string());
    assert_eq!(seen.headers()["content-length"], "2");
    assert!(
        seen.headers()["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("Fanfare/")
    );
    assert!(!seen.headers().contains_key("accept-encoding"));
    assert_eq!(&seen.body()[..], b"{}");
}

#[tokio::test]
async fn a_second_post_reuses_the_connection_and_says_so() {
    let receiver = Receiver::plain().await;
    let client = client();
    let first = post(&client, &receiver.url("/")).await.unwrap().connection;
    let second = post(&client.clone(), &receiver.url("/"))
        .await
        .unwrap()
        .connection;
    assert_eq!(receiver.log.connections(), 1);

    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!(
        (first.address, second.address),
        (Some(loopback), Some(loopback))
    );
    assert_eq!((first.reused, second.reused), (false, true));
    assert!(first.timing.dns.is_some() && first.timing.connect.is_some());
    assert_eq!((second.timing.dns, second.timing.connect), (None, None));
    assert_eq!((first.tls, first.timing.tls), (None, None));
    for timing in [first.timing, second.timing] {
        assert!(timing.first_byte.unwrap() <= timing.total);
    }
}

#[tokio::test]
async fn a_connection_past_its_age_is_replaced() {
    let receiver = Receiver::plain().await;
    let builder = Client::builder(AddressPolicy::LoopbackAllowed);
    let client = builder.connection_max_age(Duration::ZERO).build();
    for _ in 0..3 {
        assert!(
            !post(&client, &receiver.url("/"))
                .await
                .unwrap()
                .connection
                .reused
        );
    }
    assert_eq!(receiver.log.connections(), 3);
}

#[tokio::test]
async fn a_connection_past_its_age_is_replaced_after_a_failure_too() {
    let receiver = Receiver::plain().await;
    let builder = Client::builder(AddressPolicy::LoopbackAllowed);
    let client = builder.connection_max_age(Duration::ZERO).build();
    let large = receiver.url("/large-headers");
    for connection in 1..=3 {
        assert!(!post(&client, &large).await.unwrap_err().connection.reused);
        assert_eq!(receiver.log.connections(), connection);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let receiver = Receiver::plain().await;
    let answer = post(&client(), &receiver.url("/redirect")).await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (302, &"/elsewhere".parse().unwrap())
    );
    assert_eq!(receiver.log.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_is_not_decompressed() {
    let receiver = Receiver::plain().await;
    let answer = post(&client(), &receiver.url("/gzip")).await.unwrap();
    assert_eq!(&answer.body[..], b"hello");
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_cut_and_its_connection_dropped() {
    let receiver = Receiver::plain().await;
    let client = client();
    let answer = post(&client, &receiver.url("/big")).await.unwrap();
    assert!(answer.body_truncated);
    assert_eq!(
        (answer.status, answer.body.len()),
        (200, Limits::default().body)
    );
    assert!(
        receiver.log.chunks() < BIG_BODY / CHUNK,
        "all of it was sent"
    );

    assert!(
        !post(&client, &receiver.url("/"))
            .await
            .unwrap()
            .connection
            .reused
    );
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_is_whole() {
    let receiver = Receiver::plain().await;
    let answer = post(&client(), &receiver.url("/exact")).await.unwrap();
    assert_eq!(
        (answer.body.len(), answer.body_truncated),
        (Limits::default().body, false)
    );
}

#[tokio::test]
async fn a_name_is_resolved_once_per_connection() {
    let receiver = Receiver::plain().await;
    let builder = Client::builder(AddressPolicy::LoopbackAllowed);
    let client = builder.resolver(answering(&[&["127.0.0.1"], &[]])).build();
    let url = format!("http://localhost:{}/", receiver.address.port());
    post(&client, &url).await.unwrap();
    assert!(post(&client, &url).await.unwrap().connection.reused);
}

/// The environment belongs to the whole process, so the exchange above runs in one of its own.
#[tokio::test]
async fn proxies_named_by_the_environment_are_ignored() {
    let proxy = Receiver::plain().await;
    let mut exchange = Command::new(std::env::current_exe().unwrap());
    exchange.args([
        "--exact",
        "exchange::a_post_arrives_as_given_and_its_answer_comes_back",
    ]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        exchange.env(name, proxy.url(""));
    }
    let output = tokio::task::spawn_blocking(move || exchange.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert_eq!(proxy.log.connections(), 0);
}

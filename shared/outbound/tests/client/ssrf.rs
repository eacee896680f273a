use domain::address::AddressPolicy;
use outbound::{Client, Failure, FailureKind, Resolver};

use crate::receiver::{Receiver, answering, post};

fn guarded(resolver: Resolver) -> Client {
    Client::builder(AddressPolicy::PublicOnly)
        .resolver(resolver)
        .build()
}

fn check_refused(failure: &Failure) {
    assert!(
        matches!(failure.kind, FailureKind::AddressRefused(_)),
        "{failure:?}"
    );
    assert_eq!(failure.kind.explain(), "address not allowed");
    assert_eq!(failure.to_string(), "address not allowed");
    assert!(!failure.kind.sent());
    assert_eq!(failure.connection.address, None);
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_does_not_reach_it() {
    let canary = Receiver::plain().await;
    let url = format!("https://receiver.example:{}/", canary.address.port());
    for answer in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "::127.0.0.1",
    ] {
        check_refused(
            &post(&guarded(answering(&[&[answer]])), &url)
                .await
                .unwrap_err(),
        );
    }
    assert_eq!(canary.log.connections(), 0);
}

/// The canary's own address is allowed here, so only judging *all* answers keeps it untouched.
#[tokio::test]
async fn one_bad_answer_refuses_the_good_ones() {
    let canary = Receiver::plain().await;
    let url = format!("http://localhost:{}/", canary.address.port());
    for answers in [
        ["127.0.0.1", "169.254.169.254"],
        ["169.254.169.254", "127.0.0.1"],
        ["127.0.0.1", "fd00:ec2::254"],
        ["127.0.0.1", "10.0.0.1"],
    ] {
        let builder = Client::builder(AddressPolicy::LoopbackAllowed);
        let client = builder.resolver(answering(&[&answers])).build();
        check_refused(&post(&client, &url).await.unwrap_err());
    }
    assert_eq!(canary.log.connections(), 0);
}

#[tokio::test]
async fn a_name_rebound_between_attempts_is_judged_again() {
    let receiver = Receiver::plain().await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    let client = Client::builder(AddressPolicy::LoopbackAllowed)
        .resolver(answering(&[&["127.0.0.1"], &["169.254.169.254"]]))
        .connection_max_age(std::time::Duration::ZERO)
        .build();
    assert_eq!(post(&client, &url).await.unwrap().status, 200);
    check_refused(&post(&client, &url).await.unwrap_err());
    assert_eq!(receiver.log.requests().len(), 1);
}

#[tokio::test]
async fn plain_http_never_leaves_this_machine() {
    let builder = Client::builder(AddressPolicy::LoopbackAllowed);
    let client = builder.resolver(answering(&[&["8.8.8.8"]])).build();
    check_refused(&post(&client, "http://localhost:9/").await.unwrap_err());
}

use std::sync::Arc;

use domain::address::AddressPolicy;
use futures::future::join_all;
use outbound::{Client, FailureKind, TlsFault, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Receiver, SHORT, answering, post, request};

pub(crate) const NAME: &str = "receiver.example";
/// 2049-01-01T00:00:00Z.
const NOT_AFTER: u64 = 2_493_072_000;

pub(crate) struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::OrganizationName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self {
            root,
            issuer: Issuer::new(params, key),
        }
    }

    /// An acceptor for `NAME`, valid through the years given.
    pub(crate) fn acceptor(
        &self,
        years: (i32, i32),
        versions: &[&'static rustls::SupportedProtocolVersion],
        alpn: &[&str],
    ) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    fn client(&self) -> Client {
        let builder = Client::builder(AddressPolicy::LoopbackAllowed);
        builder
            .resolver(answering(&[&["127.0.0.1"]]))
            .extra_root(self.root.clone())
            .unwrap()
            .build()
    }
}

fn url(host: &str, receiver: &Receiver) -> String {
    format!("https://{host}:{}/", receiver.address.port())
}

#[tokio::test]
async fn the_handshake_tells_version_and_expiry() {
    let authority = Authority::new("known");
    for (version, expected, alpn) in [
        (&TLS13, TlsVersion::Tls13, &["h2", "http/1.1"][..]),
        (&TLS13, TlsVersion::Tls13, &["http/1.1"]),
        (&TLS12, TlsVersion::Tls12, &["h2"]),
        (&TLS12, TlsVersion::Tls12, &[]),
    ] {
        let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[version], alpn)).await;
        let client = authority.client();
        let first = post(&client, &url(NAME, &receiver)).await.unwrap();
        let facts = first.connection.tls.unwrap();
        assert_eq!(
            (facts.version, facts.not_after),
            (expected, Some(NOT_AFTER))
        );
        assert!(first.connection.timing.tls.is_some());

        let second = post(&client, &url(NAME, &receiver)).await.unwrap();
        assert!(second.connection.reused);
        assert_eq!(
            (second.connection.tls, second.connection.timing.tls),
            (Some(facts), None)
        );
        assert_eq!(
            (&second.body[..], receiver.log.connections()),
            (&b"hello"[..], 1)
        );
    }
}

#[tokio::test]
async fn a_resumed_session_tells_the_same() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &[])).await;
    let builder = Client::builder(AddressPolicy::LoopbackAllowed)
        .resolver(answering(&[&["127.0.0.1"]]))
        .connection_max_age(std::time::Duration::ZERO);
    let client = builder.extra_root(authority.root.clone()).unwrap().build();
    for connection in 1..=3 {
        let answer = post(&client, &url(NAME, &receiver)).await.unwrap();
        assert_eq!(answer.connection.tls.unwrap().not_after, Some(NOT_AFTER));
        assert_eq!(receiver.log.connections(), connection);
    }
}

#[tokio::test]
async fn http2_shares_one_connection_and_keeps_host_and_name() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &["h2"])).await;
    let client = authority.client();
    let url = url(NAME, &receiver);
    post(&client, &url).await.unwrap();
    for answer in join_all((0..20).map(|_| post(&client, &url))).await {
        assert!(answer.unwrap().connection.reused);
    }
    assert_eq!(receiver.log.connections(), 1);
    let requests = receiver.log.requests();
    assert_eq!(requests.len(), 21);
    assert_eq!(requests[20].version(), http::Version::HTTP_2);
    let authority = requests[20].uri().authority().unwrap();
    assert_eq!(
        authority.as_str(),
        format!("{NAME}:{}", receiver.address.port())
    );
}

#[tokio::test]
async fn an_http2_connection_whose_peer_answers_pings_and_no_requests_is_replaced() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &["h2"])).await;
    let client = authority.client();
    let url = url(NAME, &receiver);
    post(&client, &url).await.unwrap();
    let hanging = client.post(request(&format!("{url}hang"), SHORT));
    let failure = hanging.await.unwrap_err();
    let stage = outbound::Stage::Headers;
    assert_eq!(failure.kind, FailureKind::DeadlineExceeded { stage });
    assert!(failure.connection.reused);
    let next = post(&client, &url).await.unwrap();
    assert!(!next.connection.reused, "it may hang as well");
    assert_eq!(receiver.log.connections(), 2);
}

#[tokio::test]
async fn an_http2_connection_past_its_age_is_replaced_after_a_failure_too() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &["h2"])).await;
    let builder = Client::builder(AddressPolicy::LoopbackAllowed)
        .resolver(answering(&[&["127.0.0.1"]]))
        .connection_max_age(std::time::Duration::ZERO);
    let client = builder.extra_root(authority.root.clone()).unwrap().build();
    let large = format!("{}large-headers", url(NAME, &receiver));
    for connection in 1..=3 {
        post(&client, &large).await.unwrap_err();
        assert_eq!(receiver.log.connections(), connection);
    }
}

#[tokio::test]
async fn a_burst_to_a_new_http2_receiver_sends_each_request_once() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &["h2"])).await;
    let client = authority.client();
    let url = url(NAME, &receiver);
    for answer in join_all((0..20).map(|_| post(&client, &url))).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(receiver.log.requests().len(), 20);
}

#[tokio::test]
async fn http2_answers_are_capped_too() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &["h2"])).await;
    let client = authority.client();
    let big = format!("{}big", url(NAME, &receiver));
    let answer = post(&client, &big).await.unwrap();
    assert!(answer.body_truncated);
    assert_eq!(answer.body.len(), outbound::Limits::default().body);
    // Only the stream ends; what else runs on the connection goes on.
    assert!(
        post(&client, &url(NAME, &receiver))
            .await
            .unwrap()
            .connection
            .reused
    );

    let large = format!("{}large-headers", url(NAME, &receiver));
    assert!(post(&client, &large).await.unwrap_err().kind.sent());
}

#[tokio::test]
async fn a_certificate_must_be_trusted_current_and_for_the_name() {
    let (authority, stranger) = (Authority::new("known"), Authority::new("stranger"));
    for (issuer, years, host, reason) in [
        (
            &authority,
            (2020, 2049),
            "other.example",
            TlsFault::WrongName,
        ),
        (&stranger, (2020, 2049), NAME, TlsFault::UnknownIssuer),
        (&authority, (2020, 2021), NAME, TlsFault::Expired),
        (&authority, (2048, 2049), NAME, TlsFault::NotYetValid),
    ] {
        let receiver = Receiver::tls(issuer.acceptor(years, &[&TLS13], &[])).await;
        let failure = post(&authority.client(), &url(host, &receiver))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::TlsFailed { reason });
        assert!(!failure.kind.sent());
        assert!(failure.connection.timing.connect.is_some());
        assert!(receiver.log.requests().is_empty());
    }
}

#[tokio::test]
async fn what_is_not_tls_is_told_apart() {
    let plain = Receiver::plain().await;
    let authority = Authority::new("known");
    let failure = post(&authority.client(), &url(NAME, &plain))
        .await
        .unwrap_err();
    assert_eq!(
        failure.kind,
        FailureKind::TlsFailed {
            reason: TlsFault::NotTls
        }
    );
    assert!(plain.log.requests().is_empty());
}

//! The way to Apple alone: ours, and the barest there is.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use credential::{ApnsCertificate, Credential};
use domain::credential::Environment;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper_util::rt::{TokioExecutor, TokioIo};
use providers::{Class, Client, Hosts, MessageId, Mode, Order};
use runtime::Clock;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::Failed;
use crate::measure::cpu_seconds;
use crate::phones::Phones;
use crate::push::{IN_FLIGHT, device, push, text};
use crate::reference::Pace;

/// The function's way to Apple without the function.
pub(crate) async fn client_loop(
    phones: &Phones,
    credential: &Credential,
    count: usize,
) -> Result<Pace, Failed> {
    let hosts = Hosts::stand_ins(phones.stand_ins())?;
    let client = Client::new(credential, Environment::Production, &hosts)?;
    let (push, now) = (push(), Clock::system().now());
    let devices: Vec<_> = (0..count).map(device).collect::<Result<_, _>>()?;
    let (client, push, devices) = (&client, &push, &devices);
    let send = |number: usize| async move {
        let device = devices.get(number);
        let device = device.ok_or_else(|| Failed::new("no such device"))?;
        let order = Order {
            push,
            platform: device.slot.platform(),
            token: &device.token,
            id: MessageId::from_bytes(u128::try_from(number)?.to_be_bytes()),
            accepted: now,
        };
        let answer = client.send(&order, Mode::Send, now, push_dispatch::DEADLINE);
        let class = answer.await?.class;
        if class == Class::Delivered {
            return Ok(());
        }
        let word = class.word();
        Err(Failed::new(format!("a push was not delivered: {word}")))
    };
    // Opens the connection.
    send(0).await?;
    let (cpu, started) = (cpu_seconds(), Instant::now());
    let sent = stream::iter((0..count).map(send)).buffer_unordered(IN_FLIGHT);
    sent.try_for_each(async |()| Ok(())).await?;
    Ok(Pace::of(count, started, cpu))
}

/// The same requests without anything around them.
pub(crate) async fn bare_loop(
    phones: &Phones,
    certificate: &ApnsCertificate,
    count: usize,
) -> Result<Pace, Failed> {
    let sender = connect(phones, certificate).await?;
    let base = phones.value("apns")?;
    let body = Bytes::from(json!({ "aps": { "alert": text(), "mutable-content": 0 } }).to_string());
    let (cpu, started) = (cpu_seconds(), Instant::now());
    let posts = (0..count).map(|number| {
        let (mut sender, body) = (sender.clone(), body.clone());
        async move {
            let mut id = HeaderValue::try_from(apns_id(number))?;
            // A value that comes once would only push others out of HPACK's table.
            id.set_sensitive(true);
            let request = Request::post(format!("{base}/3/device/{number:064x}"))
                .header("apns-id", id)
                .header("apns-topic", testkit::TOPIC)
                .header("apns-push-type", "alert")
                .header("apns-priority", "10")
                .body(Full::new(body))?;
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            if answer.status() != 200 {
                return Err(Failed::new(format!(
                    "the bare loop got {}",
                    answer.status()
                )));
            }
            answer.into_body().collect().await?;
            Ok(())
        }
    });
    let posted = stream::iter(posts).buffer_unordered(IN_FLIGHT);
    posted.try_for_each(async |()| Ok(())).await?;
    Ok(Pace::of(count, started, cpu))
}

/// As RFC 9562 writes them.
fn apns_id(number: usize) -> String {
    format!("00000000-0000-8000-8000-{number:012x}")
}

async fn connect(
    phones: &Phones,
    certificate: &ApnsCertificate,
) -> Result<SendRequest<Full<Bytes>>, Failed> {
    use base64::Engine as _;
    let root = base64::engine::general_purpose::STANDARD.decode(phones.value("root")?)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root))?;
    let chain = certificate.chain.iter();
    let chain = chain.map(|der| CertificateDer::from(der.clone()));
    let key = PrivatePkcs8KeyDer::from(certificate.key.pkcs8().to_vec());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain.collect(), PrivateKeyDer::Pkcs8(key))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = phones
        .value("apns")?
        .trim_start_matches("https://")
        .to_owned();
    let stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("127.0.0.1")?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let (sender, driver) = builder
        .initial_connection_window_size(4 * 1024 * 1024)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(driver);
    Ok(sender)
}

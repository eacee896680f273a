//! A credential's way to Apple: one warm connection, and what its answers mean.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use credential::{ApnsCertificate, ApnsToken};
use domain::credential::Environment;
use domain::time::Timestamp;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use outbound::Dialer;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::answer::{Answer, Class};
use crate::apns::connection::{Connection, Opening, Unconnected};
use crate::apns::message::{Message, message};
use crate::apns::reason::{judge, of_goaway};
use crate::apns::token::ProviderToken;
use crate::client::Unusable;
use crate::hosts::Hosts;
use crate::order::{Order, Unbuildable};
use crate::table::{Details, lost};

/// An answer's body is one small JSON object.
const MAX_ANSWER: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Apns {
    base: Url,
    /// Of the base, as requests begin.
    origin: String,
    dialer: Dialer,
    topic: String,
    tls: TlsTo,
    token: Option<ProviderToken>,
    link: Mutex<Link>,
}

/// The connection in use, and how many there have been.
#[derive(Debug, Default)]
struct Link {
    connection: Option<Connection>,
    generation: u64,
}

struct TlsTo(TlsConnector);

impl std::fmt::Debug for TlsTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsTo")
    }
}

impl Apns {
    pub(crate) fn with_certificate(
        of: &ApnsCertificate,
        environment: Environment,
        hosts: &Hosts,
    ) -> Result<Self, Unusable> {
        // The whole chain: Apple may not know the intermediate authority.
        let chain = of.chain.iter().map(|der| CertificateDer::from(der.clone()));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(of.key.pkcs8().to_vec()));
        let config = tls_builder(hosts)?
            .with_client_auth_cert(chain.collect(), key)
            .map_err(|_| Unusable)?;
        Ok(Self::new(&of.topic, None, config, environment, hosts))
    }

    pub(crate) fn with_token(
        of: &ApnsToken,
        environment: Environment,
        hosts: &Hosts,
    ) -> Result<Self, Unusable> {
        let token = ProviderToken::new(of.key.pkcs8(), &of.key_id, &of.team_id);
        let token = token.map_err(|_| Unusable)?;
        let config = tls_builder(hosts)?.with_no_client_auth();
        Ok(Self::new(
            &of.topic,
            Some(token),
            config,
            environment,
            hosts,
        ))
    }

    fn new(
        topic: &str,
        token: Option<ProviderToken>,
        mut config: ClientConfig,
        environment: Environment,
        hosts: &Hosts,
    ) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let base = match environment {
            Environment::Production => &hosts.apns,
            Environment::Sandbox => &hosts.apns_sandbox,
        };
        Self {
            base: base.clone(),
            origin: base.origin().ascii_serialization(),
            dialer: hosts.dialer.clone(),
            topic: topic.to_owned(),
            tls: TlsTo(TlsConnector::from(Arc::new(config))),
            token,
            link: Mutex::default(),
        }
    }

    pub(crate) async fn send(
        &self,
        order: &Order<'_>,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Answer, Unbuildable> {
        let answer = tokio::time::timeout(deadline, self.exchange(order, now)).await;
        answer.unwrap_or_else(|_| Ok(lost("NoAnswer", "Apple did not answer in time")))
    }

    /// Sends, and once more over a new connection if the first was lost before its answer: same
    /// `apns-id`, same collapse id, so a push that did arrive replaces itself where it can.
    async fn exchange(&self, order: &Order<'_>, now: Timestamp) -> Result<Answer, Unbuildable> {
        let mut again = true;
        loop {
            // Made anew for the second try, which is rare, instead of copied for it each time.
            let message = message(order, &self.topic, now)?;
            match self.try_once(message, now).await {
                Err(answer) if again && matches!(answer.class, Class::Retry { .. }) => {
                    again = false;
                }
                Ok(answer) | Err(answer) => return Ok(answer),
            }
        }
    }

    /// `Err` is what is to be said if no other connection brings an answer.
    async fn try_once(&self, message: Message, now: Timestamp) -> Result<Answer, Answer> {
        let (mut connection, generation) = self.connection().await.map_err(unconnected)?;
        let request = self.request(message, now)?;
        let sent = match connection.sender.ready().await {
            Ok(()) => connection.sender.send_request(request).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(response) => Ok(read(response).await),
            Err(error) => {
                self.forget(generation).await;
                Err(broken(&connection, &error))
            }
        }
    }

    async fn connection(&self) -> Result<(Connection, u64), Unconnected> {
        let mut link = self.link.lock().await;
        if let Some(connection) = &link.connection
            && !connection.sender.is_closed()
        {
            return Ok((connection.clone(), link.generation));
        }
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port_or_known_default().unwrap_or(443);
        let opening = match self.token {
            Some(_) => Opening::One,
            None => Opening::Freely,
        };
        let dialed = (&self.dialer, host, port);
        let connection = Box::pin(Connection::open(&self.tls.0, dialed, opening)).await?;
        link.generation += 1;
        link.connection = Some(connection.clone());
        Ok((connection, link.generation))
    }

    /// Unless somebody has opened another since.
    async fn forget(&self, generation: u64) {
        let mut link = self.link.lock().await;
        if link.generation == generation {
            link.connection = None;
        }
    }

    fn request(&self, message: Message, now: Timestamp) -> Result<Request<Full<Bytes>>, Answer> {
        let unsignable = || Answer::new(Class::CredentialFault, "BadKey", "the key cannot sign");
        let mut request = Request::new(Full::new(message.body));
        *request.method_mut() = Method::POST;
        let uri = Uri::try_from(format!("{}{}", self.origin, message.path));
        *request.uri_mut() = uri
            .map_err(|_| Answer::new(Class::Poison, "BadPath", "the device token fits no path"))?;
        *request.headers_mut() = message.headers;
        if let Some(token) = &self.token {
            let header = token.header(now).map_err(|_| unsignable())?;
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        Ok(request)
    }
}

fn tls_builder(
    hosts: &Hosts,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Unusable> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Unusable)?;
    Ok(versions.with_root_certificates(hosts.roots()))
}

async fn read(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    // A status without its body is an answer still: the word is lost, its class is not.
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let id = head.headers.get("apns-id").and_then(|id| id.to_str().ok());
    judge(head.status.as_u16(), &body, retry_after(&head.headers))
        .with_provider_id(id.map(str::to_owned))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unconnected(error: Unconnected) -> Answer {
    match error {
        Unconnected::Lost(reason) => lost(reason, "no connection to Apple could be opened"),
        Unconnected::Refused(alert) => refused(&alert),
    }
}

fn refused(alert: &str) -> Answer {
    let meaning = "Apple ended the TLS handshake: it does not accept the client certificate";
    Answer::new(Class::CredentialFault, &format!("Tls{alert}"), meaning)
}

/// What a connection's end says.
fn broken(connection: &Connection, error: &hyper::Error) -> Answer {
    if let Some(alert) = connection.alert() {
        return refused(alert);
    }
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<h2::Error>());
    match cause.and_then(|cause| of_goaway(&cause.to_string())) {
        Some(row) => row.answer(Details::default()),
        None => lost(
            "ConnectionLost",
            "the connection to Apple was lost before it answered",
        ),
    }
}

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ProtocolVersion, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::answer::{TlsFacts, TlsVersion};
use crate::failure::TlsFault;
use crate::not_after::not_after;
use crate::socket::Socket;

pub(crate) type Stream = tokio_rustls::client::TlsStream<Socket>;

#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

/// Mozilla's authorities, compiled in: reading the system's at every start costs more than the
/// rest of building a client.
pub(crate) fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

impl Tls {
    pub(crate) fn new(roots: RootCertStore) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        #[expect(
            clippy::expect_used,
            reason = "fails only for a provider without TLS 1.2 and 1.3 ciphers; this one is fixed and has both"
        )]
        let versions = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs supports the default protocol versions");
        let mut config = versions.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    pub(crate) async fn handshake(&self, host: &str, tcp: Socket) -> io::Result<Stream> {
        // RFC 6066 §3: the name is sent without a final dot; certificates have none either.
        let name = host.strip_suffix('.').unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            io::Error::other(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName,
            ))
        })?;
        self.0.connect(name, tcp).await
    }
}

pub(crate) fn is_http2(stream: &Stream) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}

/// What the finished handshake tells about the receiver.
pub(crate) fn facts(stream: &Stream) -> Option<TlsFacts> {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version()?;
    let version = if version == ProtocolVersion::TLSv1_3 {
        TlsVersion::Tls13
    } else {
        TlsVersion::Tls12
    };
    let leaf = session.peer_certificates().and_then(|chain| chain.first());
    Some(TlsFacts {
        version,
        not_after: leaf.and_then(|leaf| not_after(leaf)),
    })
}

impl TlsFault {
    pub(crate) fn read(error: &io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(fault)) => Self::of_certificate(fault),
            Some(rustls::Error::NoCertificatesPresented) => Self::BadCertificate,
            Some(rustls::Error::AlertReceived(_)) => Self::Rejected,
            Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
                Self::Incompatible
            }
            Some(_) => Self::NotTls,
            None => Self::ConnectionLost,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other faults, and those of later rustls versions, are one to a customer"
    )]
    fn of_certificate(fault: &CertificateError) -> Self {
        match fault {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            _ => Self::BadCertificate,
        }
    }
}

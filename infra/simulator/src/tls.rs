//! Certificates of the simulated providers, and what they think of those of their callers.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::apns::certificate::PushCertificate;
use crate::server::Service;
use crate::simulator::StartError;
use crate::state::State;

/// Root and acceptors of one simulator.
pub(crate) struct Tls {
    /// DER of the authority that vouches for all of them.
    pub(crate) root: Vec<u8>,
    /// Asks for a client certificate; HTTP/2 only.
    pub(crate) apns: TlsAcceptor,
    /// HTTP/2 and HTTP/1.1.
    pub(crate) open: TlsAcceptor,
}

impl Tls {
    pub(crate) fn new(state: &Arc<State>) -> Result<Self, StartError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Fanfare simulated providers");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?.der().to_vec();
        let issuer = Issuer::new(params, key);
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let private = || PrivateKeyDer::try_from(key.serialize_der()).map_err(StartError::Key);
        let chain = vec![leaf.der().clone()];
        let builder = || {
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
        };
        let verifier = Arc::new(Verifier {
            state: Arc::clone(state),
            algorithms: provider.signature_verification_algorithms,
        });
        let mut apns = builder()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), private()?)?;
        apns.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would not be asked for its certificate again.
        apns.send_tls13_tickets = 0;
        apns.session_storage = Arc::new(NoServerSessionStorage {});
        let mut open = builder()?
            .with_no_client_auth()
            .with_single_cert(chain, private()?)?;
        open.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            root,
            apns: TlsAcceptor::from(Arc::new(apns)),
            open: TlsAcceptor::from(Arc::new(open)),
        })
    }
}

impl Tls {
    pub(crate) fn acceptor(&self, service: &Service) -> TlsAcceptor {
        match service {
            Service::Apns(_) => self.apns.clone(),
            Service::Google { .. } | Service::Baidu { .. } => self.open.clone(),
        }
    }
}

pub(crate) fn fingerprint(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// Takes any authority's word, as there is no Apple here; dates and revocations count.
#[derive(Debug)]
struct Verifier {
    state: Arc<State>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let certificate = PushCertificate::parse(end_entity)
            .ok_or(rustls::Error::from(CertificateError::BadEncoding))?;
        let now = self.state.clock.now();
        let ended = self.state.lock().expired.contains(&certificate.fingerprint);
        if ended || certificate.not_after <= now {
            return Err(CertificateError::Expired.into());
        }
        if certificate.not_before > now {
            return Err(CertificateError::NotValidYet.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

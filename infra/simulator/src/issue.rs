//! What a developer fetches from Apple and Google, for applications that do not exist.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Timestamp;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair};
use serde_json::json;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::oauth::AUDIENCE;
use crate::simulator::Simulator;

/// Why nothing could be issued.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The text cannot be in a certificate, or no key could be made.
    #[error("make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate ends at a time that X.509 cannot say.
    #[error("make a certificate that ends so late")]
    End,
    /// The file could not be written.
    #[error("write a .p12 file")]
    File(#[from] p12_keystore::error::Error),
    /// The cryptography library makes no key.
    #[error("make a key")]
    Key,
}

/// The .p12 file of a push certificate for the application `bundle`, good for both of Apple's
/// environments until `ends`. No authority has signed it.
///
/// # Errors
/// When `bundle` or `ends` cannot be in a certificate.
pub fn issue_certificate(
    bundle: &str,
    password: &str,
    ends: Timestamp,
) -> Result<Zeroizing<Vec<u8>>, NotIssued> {
    let mut params = CertificateParams::new(Vec::new())?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, format!("Apple Push Services: {bundle}"));
    // RFC 4519 §2.39: uid.
    let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    name.push(uid, bundle);
    let seconds = i64::try_from(ends.seconds()).map_err(|_| NotIssued::End)?;
    params.not_after = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| NotIssued::End)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for environment in [1, 2] {
        let oid = [1, 2, 840, 113_635, 100, 6, 3, environment];
        let extension = CustomExtension::from_oid_content(&oid, vec![5, 0]);
        params.custom_extensions.push(extension);
    }
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let chain = PrivateKeyChain::new(
        bundle,
        PrivateKey::from_der(&Zeroizing::new(key.serialize_der()))?,
        [Certificate::from_der(certificate.der())?],
    );
    let mut file = KeyStore::new();
    file.add_entry(bundle, KeyStoreEntry::PrivateKeyChain(chain));
    Ok(Zeroizing::new(file.writer(password).write()?))
}

impl Simulator {
    /// The JSON of a new service account of `project`. Only its key can sign for it from now on.
    ///
    /// # Errors
    /// When the cryptography library makes no key.
    pub fn issue_account(&self, project: &str) -> Result<Zeroizing<String>, NotIssued> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| NotIssued::Key)?;
        let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| NotIssued::Key)?;
        let email = format!("push@{project}.iam.gserviceaccount.com");
        self.know_account(&email, key.public_key().as_ref());
        let file = json!({
            "type": "service_account",
            "project_id": project,
            "private_key_id": "1",
            "private_key": pem(pkcs8.as_ref()),
            "client_email": email,
            "client_id": "1",
            "token_uri": AUDIENCE,
        });
        Ok(Zeroizing::new(file.to_string()))
    }

    /// The .p8 file of a new signing key of `team_id`. Only it can sign tokens of `key_id` from now on.
    ///
    /// # Errors
    /// When the cryptography library makes no key.
    pub fn issue_signing_key(
        &self,
        key_id: &str,
        team_id: &str,
    ) -> Result<Zeroizing<String>, NotIssued> {
        let key = KeyPair::generate()?;
        self.know_signing_key(key_id, team_id, key.public_key_raw(), None);
        let pkcs8 = Zeroizing::new(key.serialize_der());
        Ok(Zeroizing::new(pem(&pkcs8)))
    }
}

/// RFC 7468.
fn pem(pkcs8: &[u8]) -> String {
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    // 48 bytes are a line of 64 characters.
    for line in pkcs8.chunks(48) {
        STANDARD.encode_string(line, &mut pem);
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}

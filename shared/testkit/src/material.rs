//! Push credentials made on the spot.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use credential::{ApnsCertificate, ApnsToken, Credential, KeyPair, PrivateKey, ServiceAccount};
use domain::credential::Fingerprint;
use rcgen::{CertificateParams, CustomExtension, DnType};
use zeroize::Zeroizing;

/// The application of the certificates made here.
pub const TOPIC: &str = "com.example.app";

/// The team of the signing keys made here.
pub const TEAM: &str = "TEAM123456";

/// A push certificate that Apple's `oids` (1: sandbox, 2: production) are in, good from and until
/// the first day of `years`, and its fingerprint.
#[must_use]
pub fn push_certificate(oids: &[u64], years: (i32, i32)) -> (Credential, Fingerprint) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    params.distinguished_name.push(uid, TOPIC);
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    for oid in oids {
        let oid = [1, 2, 840, 113_635, 100, 6, 3, *oid];
        let extension = CustomExtension::from_oid_content(&oid, vec![5, 0]);
        params.custom_extensions.push(extension);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    let fingerprint = Fingerprint::from_bytes(digest.as_ref().try_into().unwrap());
    let credential = Credential::ApnsCertificate(ApnsCertificate {
        chain: vec![der],
        key: PrivateKey::from_pkcs8(Zeroizing::new(key.serialize_der())),
        topic: TOPIC.to_owned(),
    });
    (credential, fingerprint)
}

/// A key that signs provider tokens, and its public point.
#[must_use]
pub fn signing_key(key_id: &str) -> (Credential, Vec<u8>) {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let public = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref()).unwrap();
    let credential = Credential::ApnsToken(ApnsToken {
        key: PrivateKey::from_pkcs8(Zeroizing::new(key.as_ref().to_vec())),
        key_id: key_id.to_owned(),
        team_id: TEAM.to_owned(),
        topic: TOPIC.to_owned(),
    });
    (credential, public.public_key().as_ref().to_vec())
}

/// A service account of `project`, its e-mail address and its public key as PKCS#1.
#[must_use]
pub fn service_account(project: &str) -> (Credential, String, Vec<u8>) {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let email = format!("push@{project}.iam.gserviceaccount.com");
    let credential = Credential::Fcm(ServiceAccount {
        project_id: project.to_owned(),
        client_email: email.clone(),
        key_id: None,
        key: PrivateKey::from_pkcs8(Zeroizing::new(pkcs8.as_ref().to_vec())),
    });
    (credential, email, key.public_key().as_ref().to_vec())
}

/// A Baidu application's keys.
#[must_use]
pub fn key_pair(api_key: &str, secret_key: &str) -> Credential {
    Credential::Baidu(KeyPair {
        api_key: api_key.to_owned(),
        secret_key: Zeroizing::new(secret_key.to_owned()),
    })
}

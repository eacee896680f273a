//! Credentials as Apple and Google would give them out, for an application that does not exist.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use credential::{ApnsCertificate, Credential, PrivateKey, ServiceAccount};
use domain::credential::{Environment, Facts, Fingerprint, Platform, Provider, Record, Slot};
use domain::id::{CredentialId, NetworkId};
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
use runtime::{Clock, Random};
use store::Store;
use vault::Vault;
use zeroize::Zeroizing;

use crate::System;

/// The application.
const BUNDLE: &str = "com.example.fanfare-demo";
const PROJECT: &str = "fanfare-demo";

#[derive(Debug, thiserror::Error)]
pub(super) enum NoCredential {
    #[error("make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("make a key")]
    Key,
    #[error("keep a credential's material")]
    Vault(#[from] vault::Error),
    #[error("keep a credential")]
    Store(#[from] store::Error),
    #[error("find where credentials are kept: the template has no function push-dispatch")]
    NoPlace,
}

/// Makes a push certificate for both environments and activates it.
pub(super) async fn apple(system: &System) -> Result<Fingerprint, NoCredential> {
    let mut params = CertificateParams::new(Vec::new())?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, format!("Apple Push Services: {BUNDLE}"));
    let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    name.push(uid, BUNDLE);
    for environment in [1, 2] {
        let oid = [1, 2, 840, 113_635, 100, 6, 3, environment];
        let extension = CustomExtension::from_oid_content(&oid, vec![5, 0]);
        params.custom_extensions.push(extension);
    }
    let key = KeyPair::generate()?;
    let der = params.self_signed(&key)?.der().to_vec();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    let digest = digest.as_ref().try_into().map_err(|_| NoCredential::Key)?;
    let fingerprint = Fingerprint::from_bytes(digest);
    let material = Credential::ApnsCertificate(ApnsCertificate {
        chain: vec![der],
        key: PrivateKey::from_pkcs8(Zeroizing::new(key.serialize_der())),
        topic: BUNDLE.to_owned(),
    });
    activate(
        system,
        Platform::Ios,
        Provider::Apns,
        &material,
        fingerprint,
    )
    .await?;
    Ok(fingerprint)
}

/// Makes a service account and activates it.
pub(super) async fn google(system: &System) -> Result<(), NoCredential> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| NoCredential::Key)?;
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| NoCredential::Key)?;
    let material = Credential::Fcm(ServiceAccount {
        project_id: PROJECT.to_owned(),
        client_email: format!("push@{PROJECT}.iam.gserviceaccount.com"),
        key_id: None,
        key: PrivateKey::from_pkcs8(Zeroizing::new(pkcs8.as_ref().to_vec())),
    });
    let fingerprint = Fingerprint::from_bytes([1; 32]);
    activate(
        system,
        Platform::Android,
        Provider::Fcm,
        &material,
        fingerprint,
    )
    .await
}

async fn activate(
    system: &System,
    platform: Platform,
    provider: Provider,
    material: &Credential,
    fingerprint: Fingerprint,
) -> Result<(), NoCredential> {
    let environment = Environment::Production;
    let slot = Slot::new(platform, provider, environment).ok_or(NoCredential::NoPlace)?;
    let network = NetworkId::parse(system.network()).ok_or(NoCredential::NoPlace)?;
    let mut functions = system.template().functions.iter();
    let dispatch = functions.find(|function| function.package == "push-dispatch");
    let variable = |name: &str| dispatch?.environment.get(name).cloned();
    let prefix = variable("SECRET_PREFIX").ok_or(NoCredential::NoPlace)?;
    let table = variable("TABLE_NAME").ok_or(NoCredential::NoPlace)?;
    let (now, random) = (Clock::system().now(), Random::system());
    let id = CredentialId::generate(now, random.bytes());
    let vault = Vault::new(system.aws().secretsmanager(), prefix, random);
    let text = material.to_text();
    vault.keep_credential(&network, id, &text).await?;
    let record = Record {
        id,
        network: network.clone(),
        name: "demo".to_owned(),
        slot,
        facts: Facts {
            kind: material.kind(),
            bundle_id: None,
            team_id: None,
            key_id: None,
            project_id: None,
            topics: Vec::new(),
            environments: vec![environment],
            expires: None,
            fingerprint,
        },
        created: now,
    };
    let store = Store::new(system.aws().dynamodb(), table);
    store.put_credential(&record).await?;
    let known = store.credentials(&network).await?;
    let before = known.in_slot(slot).map(|(active, _)| active);
    store.activate_credential(&record, before, now).await?;
    Ok(())
}

//! Certificates and files made for a test.

use credential::{Good, Upload, Verdict, judge};
use domain::credential::Environment;
use domain::time::Timestamp;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd,
};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const BUNDLE: &str = "com.example.app";

pub(crate) const SANDBOX: u64 = 1;
pub(crate) const PRODUCTION: u64 = 2;
pub(crate) const VOIP: u64 = 4;

/// The day on which uploads are judged.
pub(crate) fn today() -> Timestamp {
    Timestamp::parse("2027-01-01T00:00:00Z").unwrap()
}

/// A certificate to be made. What is not said is as Apple makes it.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) bundle: Option<&'static str>,
    /// Last numbers of Apple's extensions.
    pub(crate) marks: Vec<u64>,
    pub(crate) topics: Vec<&'static str>,
    pub(crate) from: (i32, u8, u8),
    pub(crate) to: (i32, u8, u8),
    pub(crate) client_auth: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            bundle: Some(BUNDLE),
            marks: vec![SANDBOX, PRODUCTION],
            topics: Vec::new(),
            from: (2026, 6, 1),
            to: (2027, 6, 1),
            client_auth: true,
        }
    }
}

impl Spec {
    /// Certificate and key as DER.
    pub(crate) fn make(&self) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        (self.certify(&key), key.serialize_der())
    }

    fn certify(&self, key: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        // RFC 4519 §2.39: uid.
        let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
        if let Some(bundle) = self.bundle {
            name.push(uid, bundle);
        }
        name.push(DnType::CommonName, "Apple Push Services: com.example.app");
        name.push(DnType::OrganizationalUnitName, "TEAM123456");
        params.not_before = date_time_ymd(self.from.0, self.from.1, self.from.2);
        params.not_after = date_time_ymd(self.to.0, self.to.1, self.to.2);
        if self.client_auth {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        let extension = |last: u64, content: Vec<u8>| {
            let oid = [1, 2, 840, 113_635, 100, 6, 3, last];
            CustomExtension::from_oid_content(&oid, content)
        };
        let marks = self.marks.iter().map(|last| extension(*last, vec![5, 0]));
        params.custom_extensions.extend(marks);
        if !self.topics.is_empty() {
            params
                .custom_extensions
                .push(extension(6, topic_list(&self.topics)));
        }
        params.self_signed(key).unwrap().der().to_vec()
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        let (certificate, key) = self.make();
        file(&[chain("leaf", &key, &[&certificate])])
    }
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    assert!(length < 128);
    [&[tag, length], value].concat()
}

/// Each topic, and after it the kinds it is for.
fn topic_list(topics: &[&str]) -> Vec<u8> {
    let kinds = element(0x30, &element(0x0c, b"app"));
    let pairs = topics
        .iter()
        .flat_map(|topic| [element(0x0c, topic.as_bytes()), kinds.clone()].concat());
    element(0x30, &pairs.collect::<Vec<_>>())
}

pub(crate) fn chain(name: &str, key: &[u8], certificates: &[&[u8]]) -> (String, KeyStoreEntry) {
    let key = PrivateKey::from_der(key).unwrap();
    let certificates = certificates
        .iter()
        .map(|der| Certificate::from_der(der).unwrap());
    let chain = PrivateKeyChain::new(name, key, certificates.collect::<Vec<_>>());
    (name.to_owned(), KeyStoreEntry::PrivateKeyChain(chain))
}

/// A file of another author's making.
pub(crate) fn file(entries: &[(String, KeyStoreEntry)]) -> Vec<u8> {
    let mut store = KeyStore::new();
    for (name, entry) in entries {
        store.add_entry(name, entry.clone());
    }
    store.writer(PASSWORD).write().unwrap()
}

pub(crate) fn judged(file: &[u8], password: &str) -> Result<Good, Vec<Verdict>> {
    judged_for(file, password, None, Environment::Production)
}

pub(crate) fn judged_for(
    file: &[u8],
    password: &str,
    bundle_id: Option<&str>,
    environment: Environment,
) -> Result<Good, Vec<Verdict>> {
    let upload = Upload::Certificate {
        file,
        password,
        bundle_id,
    };
    judge(&upload, environment, today())
}

/// The rules that refuse, and those that warn.
pub(crate) fn rules(judged: &Result<Good, Vec<Verdict>>) -> (Vec<&'static str>, Vec<&'static str>) {
    let verdicts = match judged {
        Ok(good) => &good.warnings,
        Err(verdicts) => verdicts,
    };
    let (refusing, warning): (Vec<_>, Vec<_>) = verdicts.iter().partition(|one| one.refuses());
    assert_eq!(refusing.is_empty(), judged.is_ok());
    let words = |verdicts: Vec<&Verdict>| verdicts.iter().map(|one| one.rule()).collect();
    (words(refusing), words(warning))
}

pub(crate) fn refusals(judged: &Result<Good, Vec<Verdict>>) -> Vec<&'static str> {
    rules(judged).0
}

//! A push certificate, as Apple reads its own.

use domain::credential::Environment;
use domain::time::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

use crate::der_tree;
use crate::tls::fingerprint;

const USER_ID: &str = "0.9.2342.19200300.100.1.1";
const SANDBOX: &str = "1.2.840.113635.100.6.3.1";
const PRODUCTION: &str = "1.2.840.113635.100.6.3.2";
const TOPICS: &str = "1.2.840.113635.100.6.3.6";

#[derive(Debug, Clone)]
pub(crate) struct PushCertificate {
    pub(crate) fingerprint: [u8; 32],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// The subject's UID, and the topic list.
    pub(crate) topics: Vec<String>,
    /// What a push without a topic is for.
    pub(crate) bundle: Option<String>,
    environments: Vec<Environment>,
}

impl PushCertificate {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let uid = certificate.subject().iter().find_map(|attribute| {
            let value = attribute.value.value();
            (attribute.oid.to_string() == USER_ID)
                .then(|| String::from_utf8_lossy(value).into_owned())
        });
        let extensions = || certificate.extensions().into_iter().flatten();
        let has = |oid: &str| extensions().any(|extension| extension.extn_id.to_string() == oid);
        let listed = extensions().find(|extension| extension.extn_id.to_string() == TOPICS);
        let listed = listed.map(|extension| der_tree::texts(extension.extn_value.as_bytes()));
        let mut topics: Vec<_> = uid.clone().into_iter().collect();
        topics.extend(listed.into_iter().flatten());
        let environments = [
            (SANDBOX, Environment::Sandbox),
            (PRODUCTION, Environment::Production),
        ];
        let environments = environments.into_iter().filter(|(oid, _)| has(oid));
        let validity = certificate.validity();
        Some(Self {
            fingerprint: fingerprint(der),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
            topics,
            bundle: uid,
            environments: environments.map(|(_, environment)| environment).collect(),
        })
    }

    pub(crate) fn serves(&self, environment: Environment) -> bool {
        self.environments.contains(&environment)
    }
}

fn timestamp(time: Time) -> Timestamp {
    let millis = time.to_unix_duration().as_millis();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

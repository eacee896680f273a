//! What a push certificate of Apple says, RFC 5280 and Apple's own extensions.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use domain::credential::Environment;
use domain::time::Timestamp;
use x509_cert::Certificate;
use x509_cert::name::Name;

use crate::ber::{self, OCTET_STRING, Reader, SEQUENCE};

const UTF8_STRING: u8 = 0x0c;

const USER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

const SANDBOX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.3.1");
const PRODUCTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.3.2");
const VOIP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.3.4");
const TOPICS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.3.6");

/// A certificate, as far as a push needs it.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) der: Vec<u8>,
    /// The subject's key as in the certificate, without its algorithm.
    pub(crate) public_key: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    /// The issuer's common name, e.g. `Apple Worldwide Developer Relations Certification Authority`.
    pub(crate) issued_by: Option<String>,
    pub(crate) bundle_id: Option<String>,
    pub(crate) team_id: Option<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) client_auth: bool,
    pub(crate) environments: Vec<Environment>,
    pub(crate) voip: bool,
    pub(crate) topics: Vec<String>,
}

/// `None` when it is no certificate.
pub(crate) fn parse(der: &[u8]) -> Option<Parsed> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate();
    let extension = |oid: ObjectIdentifier| {
        let mut all = body.extensions().into_iter().flatten();
        let found = all.find(|extension| extension.extn_id == oid)?;
        Some(found.extn_value.as_bytes())
    };
    let time = |time: &x509_cert::time::Time| {
        let millis = time.to_unix_duration().as_millis();
        Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    };
    let has = |oid| extension(oid).is_some();
    let mut environments = Vec::new();
    if has(PRODUCTION) {
        environments.push(Environment::Production);
    }
    if has(SANDBOX) {
        environments.push(Environment::Sandbox);
    }
    Some(Parsed {
        der: der.to_vec(),
        public_key: body
            .subject_public_key_info()
            .subject_public_key
            .raw_bytes()
            .to_vec(),
        subject: body.subject().to_der().ok()?,
        issuer: body.issuer().to_der().ok()?,
        issued_by: text(body.issuer(), COMMON_NAME),
        bundle_id: text(body.subject(), USER_ID),
        team_id: text(body.subject(), ORGANIZATIONAL_UNIT),
        not_before: time(&body.validity().not_before),
        not_after: time(&body.validity().not_after),
        client_auth: extension(EXTENDED_KEY_USAGE).is_some_and(allows_client_auth),
        environments,
        voip: has(VOIP),
        topics: extension(TOPICS).map(topics).unwrap_or_default(),
    })
}

/// The first attribute of this kind, whatever kind of text it is.
fn text(name: &Name, oid: ObjectIdentifier) -> Option<String> {
    let found = name.iter().find(|attribute| attribute.oid == oid)?;
    let text = String::from_utf8_lossy(found.value.value());
    Some(text.into_owned()).filter(|text| !text.is_empty())
}

fn allows_client_auth(usage: &[u8]) -> bool {
    let read = || {
        let mut purposes = Reader::new(usage).inside(SEQUENCE)?;
        while !purposes.is_empty() {
            if purposes.oid()? == CLIENT_AUTH {
                return Ok(true);
            }
        }
        Ok::<_, ber::Malformed>(false)
    };
    read().unwrap_or(false)
}

/// The texts of Apple's topic list; each is followed by the kinds it is for, which the topic's own
/// ending repeats.
fn topics(list: &[u8]) -> Vec<String> {
    let mut topics = Vec::new();
    // Apple wraps the list once more in some certificates.
    let list = match Reader::new(list).element() {
        Ok(element) if element.tag == OCTET_STRING => element.value,
        _ => list,
    };
    let Ok(mut elements) = Reader::new(list).inside(SEQUENCE) else {
        return topics;
    };
    while let Ok(element) = elements.element() {
        if element.tag == UTF8_STRING {
            topics.push(String::from_utf8_lossy(element.value).into_owned());
        }
    }
    topics
}

/// `leaf` and those of `others` that vouch for it, each issued by the next.
pub(crate) fn chain(leaf: &Parsed, others: &[Parsed]) -> Vec<Vec<u8>> {
    let mut chain = vec![leaf.der.clone()];
    let mut last = leaf;
    while last.issuer != last.subject {
        let mut issuers = others.iter().filter(|one| one.subject == last.issuer);
        let Some(issuer) = issuers.find(|one| !chain.contains(&one.der)) else {
            break;
        };
        chain.push(issuer.der.clone());
        last = issuer;
    }
    chain
}

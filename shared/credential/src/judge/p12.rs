//! Client certificates for APNs.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use domain::credential::{Environment, Facts, Kind};
use domain::time::Timestamp;

use super::{MAX_FILE, MAX_PASSWORD, ends_soon, facts};
use crate::certificate::{Parsed, chain, parse};
use crate::material::{ApnsCertificate, Credential, PrivateKey};
use crate::p12::{Contents, Keys, MAX_ITERATIONS, Unopened, open};
use crate::verdict::Verdict;

pub(super) fn judge(
    file: &[u8],
    password: &str,
    bundle_id: Option<&str>,
    environment: Environment,
    now: Timestamp,
    verdicts: &mut Vec<Verdict>,
) -> Option<(Credential, Facts)> {
    if file.len() > MAX_FILE {
        verdicts.push(Verdict::TooLarge { limit: MAX_FILE });
        return None;
    }
    if password.is_empty() {
        verdicts.push(Verdict::EmptyPassword);
    }
    let opened = if password.len() > MAX_PASSWORD {
        Err(Unopened::WrongPassword)
    } else {
        open(file, password)
    };
    let contents = match opened {
        Ok(contents) => contents,
        Err(why) => {
            verdicts.push(unopened(why));
            return None;
        }
    };
    if let Some(name) = contents.old_cipher {
        verdicts.push(Verdict::OldCipher { name });
    }
    let (key, leaf, others) = pair(contents, verdicts)?;
    judge_leaf(&leaf, environment, now, verdicts);
    let topic = topic(&leaf, bundle_id, verdicts)?;

    let topics = match leaf.topics.as_slice() {
        [] => vec![topic.clone()],
        topics => topics.to_vec(),
    };
    let facts = Facts {
        bundle_id: Some(topic.clone()),
        team_id: leaf.team_id.clone(),
        topics,
        environments: leaf.environments.clone(),
        expires: Some(leaf.not_after),
        ..facts(Kind::Certificate, &leaf.der)
    };
    let credential = Credential::ApnsCertificate(ApnsCertificate {
        chain: chain(&leaf, &others),
        key,
        topic,
    });
    Some((credential, facts))
}

fn unopened(why: Unopened) -> Verdict {
    match why {
        Unopened::NotP12 => Verdict::NotP12,
        Unopened::Damaged => Verdict::Damaged,
        Unopened::WrongPassword => Verdict::WrongPassword,
        Unopened::UnsupportedCipher(name) => Verdict::UnsupportedCipher { name },
        Unopened::TooManyIterations => Verdict::TooManyIterations {
            most: MAX_ITERATIONS,
        },
    }
}

/// The key, its certificate, and the other certificates.
fn pair(
    contents: Contents,
    verdicts: &mut Vec<Verdict>,
) -> Option<(PrivateKey, Parsed, Vec<Parsed>)> {
    let parsed: Option<Vec<Parsed>> = contents.certificates.iter().map(|der| parse(der)).collect();
    match &parsed {
        None => verdicts.push(Verdict::UnreadableCertificate),
        Some(certificates) if certificates.is_empty() => verdicts.push(Verdict::NoCertificate),
        Some(_) => {}
    }
    let key = match contents.key {
        Keys::None => {
            verdicts.push(Verdict::NoKey);
            return None;
        }
        Keys::Many(count) => {
            verdicts.push(Verdict::TwoKeys { count });
            return None;
        }
        Keys::One(key) => key,
    };
    let Some(public) = public_key(&key) else {
        verdicts.push(Verdict::UnusableKey);
        return None;
    };
    let mut certificates = parsed.filter(|certificates| !certificates.is_empty())?;
    let Some(at) = certificates.iter().position(|one| one.public_key == public) else {
        verdicts.push(Verdict::KeyMismatch);
        return None;
    };
    let leaf = certificates.remove(at);
    Some((PrivateKey::from_pkcs8(key), leaf, certificates))
}

/// The public half as a certificate holds it: RFC 8017 A.1.1 for RSA, a point for P-256.
fn public_key(pkcs8: &[u8]) -> Option<Vec<u8>> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(pkcs8) {
        return Some(pair.public_key().as_ref().to_vec());
    }
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).ok()?;
    Some(pair.public_key().as_ref().to_vec())
}

fn judge_leaf(
    leaf: &Parsed,
    environment: Environment,
    now: Timestamp,
    verdicts: &mut Vec<Verdict>,
) {
    if now >= leaf.not_after {
        verdicts.push(Verdict::Expired { at: leaf.not_after });
    } else if now < leaf.not_before {
        let from = leaf.not_before;
        verdicts.push(Verdict::NotYetValid { from });
    } else {
        verdicts.extend(ends_soon(leaf.not_after, now));
    }
    if leaf.environments.is_empty() {
        verdicts.push(if leaf.voip {
            Verdict::VoipOnly
        } else {
            Verdict::NotForPush
        });
    } else if !leaf.environments.contains(&environment) {
        let good: Vec<_> = leaf.environments.iter().map(|good| good.word()).collect();
        verdicts.push(Verdict::WrongEnvironment {
            asked: environment,
            good: good.join(" and "),
        });
    }
    if !leaf.client_auth {
        verdicts.push(Verdict::NoClientAuth);
    }
    let apple = leaf.issued_by.as_deref().unwrap_or_default();
    if !apple.contains("Apple Worldwide Developer Relations") {
        verdicts.push(Verdict::ForeignIssuer);
    }
}

/// The bundle id asked for, or the certificate's own.
fn topic(leaf: &Parsed, asked: Option<&str>, verdicts: &mut Vec<Verdict>) -> Option<String> {
    let named = leaf.bundle_id.iter().chain(&leaf.topics);
    let mut named = named.map(String::as_str);
    let found = match asked {
        Some(asked) => {
            let found = named.clone().find(|topic| *topic == asked);
            if found.is_none() && named.clone().next().is_some() {
                let all: Vec<_> = named.collect();
                verdicts.push(Verdict::ForeignBundleId {
                    bundle: all.first().copied().unwrap_or_default().to_owned(),
                });
                return None;
            }
            found
        }
        None => named.next(),
    };
    if found.is_none() {
        verdicts.push(Verdict::NoBundleId);
    }
    found.map(str::to_owned)
}

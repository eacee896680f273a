//! Signing keys for APNs.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use domain::credential::{Facts, Kind};

use super::{MAX_FILE, facts, is_bundle_id, pem};
use crate::material::{ApnsToken, Credential, PrivateKey};
use crate::verdict::Verdict;

pub(super) fn judge(
    file: &[u8],
    key_id: &str,
    team_id: &str,
    bundle_id: &str,
    verdicts: &mut Vec<Verdict>,
) -> Option<(Credential, Facts)> {
    if !is_apple_id(key_id) {
        verdicts.push(Verdict::BadKeyId);
    }
    if !is_apple_id(team_id) {
        verdicts.push(Verdict::BadTeamId);
    }
    if !is_bundle_id(bundle_id) {
        verdicts.push(Verdict::BadBundleId);
    }
    let text = std::str::from_utf8(file).ok();
    let text = text.filter(|text| text.len() <= MAX_FILE);
    let key = text.and_then(pem::private_key);
    let pair = key
        .as_ref()
        .and_then(|key| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).ok());
    let (Some(key), Some(pair)) = (key, pair) else {
        verdicts.push(Verdict::NotP8);
        return None;
    };
    verdicts.push(Verdict::NeverExpires);
    let token = ApnsToken {
        key: PrivateKey::from_pkcs8(key),
        key_id: key_id.to_owned(),
        team_id: team_id.to_owned(),
        topic: bundle_id.to_owned(),
    };
    let facts = Facts {
        bundle_id: Some(bundle_id.to_owned()),
        team_id: Some(team_id.to_owned()),
        key_id: Some(key_id.to_owned()),
        topics: vec![bundle_id.to_owned()],
        ..facts(Kind::SigningKey, pair.public_key().as_ref())
    };
    Some((Credential::ApnsToken(token), facts))
}

fn is_apple_id(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

//! Provider tokens. Source: "Establishing a token-based connection to APNs".

use super::Refusal;
use crate::jwt::Jwt;
use crate::server::Peer;
use crate::state::State;

/// Seconds that a token is good for.
const LIFE: u64 = 3600;
/// Seconds within which it may not be renewed.
const YOUNGEST_RENEWAL: u64 = 20 * 60;
/// Clocks differ by a little.
const SLACK: u64 = 60;

pub(crate) fn check(state: &State, peer: &Peer, header: &str) -> Result<(), Refusal> {
    let invalid = || Refusal::new(403, "InvalidProviderToken");
    let jwt = header.strip_prefix("bearer ").ok_or_else(invalid)?;
    let jwt = Jwt::parse(jwt).ok_or_else(invalid)?;
    let (algorithm, key_id) = (Jwt::text(&jwt.header, "alg"), Jwt::text(&jwt.header, "kid"));
    let (team, issued) = (Jwt::text(&jwt.claims, "iss"), jwt.number("iat"));
    let issued = issued.ok_or_else(invalid)?;
    if algorithm != "ES256" || key_id.is_empty() || team.is_empty() || !jwt.is_raw_p256() {
        return Err(invalid());
    }
    let now = state.clock.now().seconds();
    let mut inner = state.lock();
    if inner.revoked_keys.contains(key_id) {
        return Err(invalid());
    }
    if let Some((own_team, public)) = inner.signing_keys.get(key_id)
        && (own_team != team || !jwt.signed_es256(public))
    {
        return Err(invalid());
    }
    let elsewhere = inner.key_environments.get(key_id);
    if elsewhere.is_some_and(|environment| *environment != peer.environment) {
        // The spelling that Apple's servers use; the documented one has "Id" in it.
        return Err(Refusal::new(403, "BadEnvironmentKeyInToken"));
    }
    if issued + LIFE < now || issued > now + SLACK {
        return Err(Refusal::new(403, "ExpiredProviderToken"));
    }
    match inner.token_issued.get(key_id).copied() {
        Some(before) if issued > before && issued - before < YOUNGEST_RENEWAL => {
            return Err(Refusal::new(429, "TooManyProviderTokenUpdates"));
        }
        Some(before) if issued <= before => {}
        Some(_) | None => {
            inner.token_issued.insert(key_id.to_owned(), issued);
        }
    }
    Ok(())
}

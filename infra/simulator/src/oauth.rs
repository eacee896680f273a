//! Google's token service. Source: "Using OAuth 2.0 for Server to Server Applications".

use domain::time::Timestamp;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;
use url::form_urlencoded;

use crate::fault::{Fault, Target};
use crate::jwt::Jwt;
use crate::reply::{Answer, Reply};
use crate::state::State;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/firebase.messaging",
    "https://www.googleapis.com/auth/cloud-platform",
];
const LIFE: u64 = 3600;
const SLACK: u64 = 300;

/// `own` is the address that a client pointed here by its `token_uri` signs for.
pub(crate) fn answer(state: &State, own: &str, body: &[u8]) -> Reply {
    if let Some(fault) = state.fault(Target::Oauth, "") {
        let Fault::Refuse {
            status,
            word,
            retry_after,
        } = fault
        else {
            return Reply::Fault(fault);
        };
        return Reply::Answer(refused(status, &word, "scripted").retry_after(retry_after));
    }
    let now = state.clock.now();
    Reply::Answer(match judge(state, own, body, now) {
        Ok(email) => granted(state, email, now),
        Err((word, why)) => refused(400, word, why),
    })
}

type Broken = (&'static str, &'static str);

fn judge(state: &State, own: &str, body: &[u8], now: Timestamp) -> Result<String, Broken> {
    let form: HashMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    if form.get("grant_type").map(String::as_str) != Some(GRANT) {
        return Err(("unsupported_grant_type", "the grant is no JWT bearer"));
    }
    let jwt = form.get("assertion").and_then(|text| Jwt::parse(text));
    let jwt = jwt.ok_or(("invalid_request", "there is no readable assertion"))?;
    if Jwt::text(&jwt.header, "alg") != "RS256" {
        return Err(("invalid_grant", "the assertion is not signed with RS256"));
    }
    let email = Jwt::text(&jwt.claims, "iss");
    let inner = state.lock();
    if email.is_empty() || inner.revoked_accounts.contains(email) {
        return Err(("invalid_grant", "account not found"));
    }
    if inner
        .accounts
        .get(email)
        .is_some_and(|public| !jwt.signed_rs256(public))
    {
        return Err(("invalid_grant", "Invalid JWT Signature."));
    }
    let audience = Jwt::text(&jwt.claims, "aud");
    if audience != AUDIENCE && audience != own {
        return Err(("invalid_grant", "Invalid JWT audience."));
    }
    let mut scopes = Jwt::text(&jwt.claims, "scope").split(' ');
    if !scopes.any(|scope| SCOPES.contains(&scope)) {
        return Err(("invalid_scope", "no scope that may send"));
    }
    let (issued, expires) = (jwt.number("iat"), jwt.number("exp"));
    let good = issued.zip(expires).is_some_and(|(issued, expires)| {
        expires <= issued.saturating_add(LIFE)
            && issued <= now.seconds() + SLACK
            && expires + SLACK > now.seconds()
    });
    if !good {
        return Err((
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
        ));
    }
    Ok(email.to_owned())
}

fn granted(state: &State, email: String, now: Timestamp) -> Answer {
    let mut inner = state.lock();
    inner.issued += 1;
    let token = format!("ya29.simulated-{}-{}", inner.issued, now.millis());
    let until = now.after(Duration::from_secs(LIFE));
    inner.access_tokens.insert(token.clone(), (until, email));
    let granted = json!({ "access_token": token, "expires_in": LIFE, "token_type": "Bearer" });
    Answer::json(200, granted)
}

fn refused(status: u16, word: &str, why: &str) -> Answer {
    Answer::json(status, json!({ "error": word, "error_description": why }))
}

//! The provider token that stands for a signing key.
//! Source: "Establishing a token-based connection to APNs".

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;
use http::HeaderValue;
use serde_json::json;

use crate::jwt::{BadKey, Signer};

/// Apple wants a token neither renewed within 20 minutes nor older than an hour.
const PERIOD: Duration = Duration::from_secs(30 * 60);

/// A token is never from the future of a server whose clock is slow.
const SLACK: Duration = Duration::from_secs(60);

/// Signs and keeps the token.
#[derive(Debug)]
pub(crate) struct ProviderToken {
    signer: Signer,
    key_id: String,
    team_id: String,
    current: Mutex<Option<(u64, HeaderValue)>>,
}

impl ProviderToken {
    pub(crate) fn new(pkcs8: &[u8], key_id: &str, team_id: &str) -> Result<Self, BadKey> {
        Ok(Self {
            signer: Signer::es256(pkcs8)?,
            key_id: key_id.to_owned(),
            team_id: team_id.to_owned(),
            current: Mutex::new(None),
        })
    }

    /// The `authorization` header.
    pub(crate) fn header(&self, now: Timestamp) -> Result<HeaderValue, BadKey> {
        let issued = issued(now);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, header)) = current.as_ref().filter(|(at, _)| *at == issued) {
            return Ok(header.clone());
        }
        let claims = json!({ "iss": self.team_id, "iat": issued });
        let token = self.signer.sign(json!({ "kid": self.key_id }), &claims)?;
        let mut header = HeaderValue::try_from(format!("bearer {token}")).map_err(|_| BadKey)?;
        header.set_sensitive(true);
        *current = Some((issued, header.clone()));
        Ok(header)
    }
}

/// Falls on the half hour, so that every process that uses the key renews at the same time and
/// Apple sees no more than two renewals an hour, however many processes there are.
fn issued(now: Timestamp) -> u64 {
    let seconds = now.seconds().saturating_sub(SLACK.as_secs());
    seconds - seconds % PERIOD.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_neither_young_nor_old(seconds in 10_000_u64..10_000_000_000, later in 0_u64..3600) {
            let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
            let age = seconds - issued(at(seconds));
            prop_assert!((60..60 + 1800).contains(&age));
            let renewed = issued(at(seconds + later)) - issued(at(seconds));
            prop_assert!(renewed == 0 || renewed >= 20 * 60);
        }
    }
}

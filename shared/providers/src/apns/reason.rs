//! Apple's reasons as data.
//! Source: "Handling notification responses from APNs", and what its servers really send.

use std::time::Duration;

use domain::time::Timestamp;
use serde::Deserialize;

use crate::answer::{Answer, Class};
use crate::table::Verdict::{Dead, Fault, Poison, Retry, Suspect};
use crate::table::{Details, Row, by_status, find};

/// Apple asks to wait "15 minutes" after a 5xx; it is also the longest delay of SQS.
const TROUBLE: u64 = 900;

/// A device that got too many is served again only after a while.
const TOO_MANY: u64 = 300;

/// The connection's fault, not the push's.
const SOON: u64 = 10;

macro_rules! rows {
    ($($word:ident $verdict:expr, $meaning:literal;)+) => {
        /// Every documented reason, and those seen beside them.
        pub(crate) const ROWS: &[Row] = &[$(Row {
            word: stringify!($word),
            verdict: $verdict,
            meaning: $meaning,
        }),+];
    };
}

rows! {
    Unregistered Dead, "the application was removed from the device, or the device asked for no more pushes";
    ExpiredToken Dead, "the device token has expired";
    BadDeviceToken Suspect, "the token is none, or belongs to the other environment (production or sandbox)";
    DeviceTokenNotForTopic Suspect, "the token belongs to another application than the credential";

    BadCertificate Fault, "Apple does not accept the certificate";
    BadCertificateEnvironment Fault, "the certificate is for the other environment (production or sandbox)";
    ExpiredProviderToken Fault, "Apple finds the provider token too old";
    Forbidden Fault, "Apple forbids this to the credential";
    InvalidProviderToken Fault, "Apple does not accept the key: key id, team id or key do not belong together, or the key was revoked";
    MissingProviderToken Fault, "Apple saw neither a certificate nor a provider token";
    UnrelatedKeyIdInToken Fault, "another key of another team was used on the same connection";
    BadEnvironmentKeyIdInToken Fault, "the key is for the other environment (production or sandbox)";
    BadEnvironmentKeyInToken Fault, "the key is for the other environment (production or sandbox)";
    TopicDisallowed Fault, "the credential may not push to this application";

    TooManyRequests Retry(TOO_MANY), "the device got too many pushes in a short time";
    TooManyProviderTokenUpdates Retry(TROUBLE), "the provider token was renewed too often";
    InternalServerError Retry(TROUBLE), "Apple is in trouble";
    ServiceUnavailable Retry(TROUBLE), "Apple is in trouble";
    Shutdown Retry(TROUBLE), "Apple's server is shutting down";
    IdleTimeout Retry(SOON), "the connection was idle for too long";

    PayloadTooLarge Poison, "the payload is larger than Apple takes";
    PayloadEmpty Poison, "the payload is empty";
    BadTopic Poison, "the application's bundle id is not valid";
    MissingTopic Poison, "the application's bundle id is missing";
    BadPriority Poison, "the priority is not valid for this kind of push";
    BadCollapseId Poison, "the collapse id is longer than 64 bytes";
    BadExpirationDate Poison, "the expiration date is not valid";
    BadMessageId Poison, "the push's id is not valid";
    InvalidPushType Poison, "the kind of push is not valid";
    DuplicateHeaders Poison, "a header was sent twice";
    MissingDeviceToken Poison, "the device token is missing";
    BadPath Poison, "the path of the request is not valid";
    MethodNotAllowed Poison, "the method of the request is not valid";
}

/// Read as text first: one unknown word must not cost the whole answer.
#[derive(Deserialize)]
struct ErrorBody {
    reason: String,
    /// Milliseconds: since when the token is known to be dead.
    timestamp: Option<u64>,
}

/// What a status and a body mean.
pub(crate) fn judge(status: u16, body: &[u8], retry_after: Option<Duration>) -> Answer {
    if status == 200 {
        let answer = Answer::new(Class::Delivered, "Delivered", "Apple took the push");
        return answer.with_status(status, body);
    }
    let error: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let word = error
        .as_ref()
        .map_or("NoReason", |error| error.reason.as_str());
    let details = Details {
        since: error
            .as_ref()
            .and_then(|error| error.timestamp)
            .map(Timestamp::from_millis),
        retry_after,
    };
    let answer = find(ROWS, word).map_or_else(
        || by_status(status, word, details),
        |row| row.answer(details),
    );
    answer.with_status(status, body)
}

/// The reason that a GOAWAY carried, out of the text in which `h2` shows its debug data.
pub(crate) fn of_goaway(shown: &str) -> Option<Row> {
    let (_, rest) = shown.split_once("reason")?;
    let word: String = rest
        .chars()
        .skip_while(|letter| !letter.is_ascii_alphabetic())
        .take_while(char::is_ascii_alphabetic)
        .collect();
    find(ROWS, &word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_class_and_unknown_words_follow_their_status() {
        for (status, body, class) in [
            (200, "", "delivered"),
            (
                400,
                r#"{"reason":"BadDeviceToken"}"#,
                "wrong_environment_suspect",
            ),
            (400, r#"{"reason":"ExpiredToken"}"#, "dead_token"),
            (
                403,
                r#"{"reason":"BadEnvironmentKeyInToken"}"#,
                "credential_fault",
            ),
            (403, r#"{"reason":"NewWordOfApple"}"#, "credential_fault"),
            (400, r#"{"reason":"NewWordOfApple"}"#, "poison"),
            (429, r#"{"reason":"NewWordOfApple"}"#, "retry"),
            (502, "<html>", "retry"),
            // Apple's own answers to a dead token have a reason.
            (410, r#"{"reason":"NewWordOfApple"}"#, "retry"),
            (410, "{}", "retry"),
            (410, "", "retry"),
            (404, "<html>", "retry"),
        ] {
            let answer = judge(status, body.as_bytes(), None);
            assert_eq!(answer.class.word(), class, "{status} {body}");
            assert_eq!(answer.raw, body);
        }
        let gone = judge(
            410,
            br#"{"reason":"Unregistered","timestamp":1508249865488}"#,
            None,
        );
        let since = Some(Timestamp::from_millis(1_508_249_865_488));
        assert_eq!(gone.class, Class::DeadToken { since });
        let trouble = judge(503, br#"{"reason":"ServiceUnavailable"}"#, None);
        let after = Duration::from_secs(900);
        assert_eq!(trouble.class, Class::Retry { after });
    }

    #[test]
    fn a_goaway_tells_its_reason() {
        let shown = r#"connection error received: not a result of an error (b"{\"reason\":\"BadCertificate\"}")"#;
        assert_eq!(of_goaway(shown).map(|row| row.word), Some("BadCertificate"));
        assert!(of_goaway("connection error received: unspecific").is_none());
    }
}

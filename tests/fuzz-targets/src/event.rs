use std::collections::BTreeMap;

use domain::endpoint::Format;
use domain::envelope;
use domain::time::Timestamp;
use queue::message::{owner, read_event, resend_event};
use serde_json::value::RawValue;

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else {
        return;
    };
    if text.contains(['\u{FFFE}', '\u{FFFF}']) {
        // SQS carries neither.
        return;
    }
    let accepted = Timestamp::from_millis(1_767_182_400_000);
    let reported = match read_event(text, accepted, "message-1") {
        Ok(reported) => reported,
        Err(malformed) => {
            assert!(!malformed.word().is_empty() && !malformed.to_string().is_empty());
            return;
        }
    };
    let event = &reported.event;
    assert_eq!(owner(text).as_ref(), Some(&event.network));
    for format in [Format::Fanfare, Format::SocialPlus] {
        let body = envelope::compose(event, format);
        let body: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(&body).expect("a webhook's body is a JSON object");
        let sent = body.get("data").map(|data| data.get());
        assert_eq!(sent, Some(event.data.get()), "{text}");
    }
    // Quarantine sends it back: the same event, of the same message, for the same endpoints.
    let later = accepted.after(std::time::Duration::from_secs(900));
    let again = read_event(&resend_event(&reported), later, "message-2");
    let again = again.expect("an event that was read before");
    assert_eq!(again.event.data.get(), event.data.get());
    assert_eq!(
        (
            &again.event.id,
            &again.event.network,
            &again.event.event_type
        ),
        (&event.id, &event.network, &event.event_type)
    );
    assert_eq!(
        (
            &again.event.version,
            again.event.timestamp,
            again.event.accepted
        ),
        (&event.version, event.timestamp, event.accepted)
    );
    assert_eq!(
        (
            &again.message_id,
            again.resent,
            again.origin,
            again.audience
        ),
        (
            &reported.message_id,
            reported.resent.saturating_add(1),
            reported.origin,
            reported.audience
        )
    );
}

use domain::api_key;
use domain::id::EventId;
use domain::signing::{Key, amity_signature, signatures};
use domain::time::Timestamp;

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else {
        return;
    };
    if let Some(key) = Key::parse(text) {
        assert_eq!(key.expose(), text);
        hidden(&key, text);
        let id = EventId::parse("evt-1").expect("a well-formed id");
        let at = Timestamp::from_millis(1_767_182_400_000);
        let sign = |key: &Key| {
            let keys = [key.clone()];
            (
                signatures(&keys, &id, at, data),
                amity_signature(&keys, data),
            )
        };
        let (signed, amity) = sign(&key);
        let again = Key::parse(key.expose()).expect("a key that parsed before");
        assert_eq!((signed.clone(), amity.clone()), sign(&again));
        let version = if key.secret().is_some() {
            "v1,"
        } else {
            "v1a,"
        };
        assert!(signed.starts_with(version), "{signed}");
        assert_eq!(amity.is_some(), key.public().is_none());
    }
    if let Some(key) = api_key::Key::parse(text) {
        assert_eq!(key.expose(), text);
        hidden(&key, text);
        assert!(text.contains(key.id()));
    }
}

/// Nothing of a secret longer than its prefix is in what a log could show.
fn hidden(shown: &impl std::fmt::Debug, secret: &str) {
    let shown = format!("{shown:?}");
    let tail = secret.char_indices().rev().nth(15).map(|(at, _)| at);
    let tail = tail.and_then(|at| secret.get(at..)).unwrap_or(secret);
    assert!(!shown.contains(tail), "it shows itself");
}

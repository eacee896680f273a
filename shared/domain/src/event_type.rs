//! Event type names such as `message.didCreate`, and the patterns endpoints choose them with.

use std::fmt;

use crate::operational;

/// A name: 1–128 characters, segments of letters, digits, `_` and `-` joined by single full stops
/// or slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(String);

impl EventType {
    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str = "must be 1 to 128 characters: segments of letters, digits, underscores or hyphens joined by full stops or slashes, e.g. message.didCreate";

    /// `None` when the text breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ((1..=128).contains(&text.len()) && text.split(['.', '/']).all(is_segment))
            .then(|| Self(text.to_owned()))
    }

    /// The name exactly as it was parsed, case included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `*` (every type of the application's), `v3.post.*` (every type below `v3.post.`),
/// `push-notification/*` or an exact name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Every type but the operational ones: `*`. Those are for whoever runs the endpoints, who
    /// asks for them by name.
    Any,
    /// Holds the prefix with its final full stop or slash.
    Below(String),
    /// This one name, compared with case.
    Exactly(EventType),
}

impl Pattern {
    /// What [`parse`](Self::parse) accepts, as the message of a field error.
    pub const RULE: &'static str =
        "must be *, a name, or a name prefix followed by .* or /*, e.g. v3.post.*";

    /// `None` when the text breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let Some(prefix) = text.strip_suffix('*') else {
            return EventType::parse(text).map(Self::Exactly);
        };
        let above = prefix.strip_suffix(['.', '/'])?;
        EventType::parse(above).map(|_| Self::Below(prefix.to_owned()))
    }

    /// Whether it chooses `event_type`; `v3.post.*` does not choose `v3.post` itself.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::Any => !operational::is_reserved(event_type),
            Self::Below(prefix) => event_type.0.starts_with(prefix),
            Self::Exactly(name) => name == event_type,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}*"),
            Self::Exactly(name) => write!(f, "{name}"),
        }
    }
}

fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_choose_what_they_say() {
        for (pattern, name, expected) in [
            ("*", "message.didCreate", true),
            ("v3.post.*", "v3.post.didCreate", true),
            ("v3.post.*", "v3.post.comment.didCreate", true),
            ("v3.post.*", "v3.poster.didCreate", false),
            ("v3.post.*", "v3.post", false),
            (
                "push-notification/*",
                "push-notification/post.created",
                true,
            ),
            (
                "push-notification/post.*",
                "push-notification/post.created",
                true,
            ),
            ("push-notification.*", "push-notification/a.b", false),
            ("message.didCreate", "message.didCreate", true),
            ("message.didCreate", "message.didcreate", false),
            ("*", "endpoint.disabled", false),
            ("*", "endpoint.anything", true),
            ("endpoint.*", "endpoint.disabled", true),
            ("endpoint.disabled", "endpoint.disabled", true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            let name = EventType::parse(name).unwrap();
            assert_eq!(parsed.matches(&name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn malformed_names_and_patterns_are_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a b", "a.*.b", "*.a", "**", "a*", "é", "/", "a/", "/a",
            "a//b", "a/.b", "/*", ".*",
        ] {
            assert!(Pattern::parse(text).is_none(), "{text:?}");
        }
        assert!(EventType::parse("text-mention-post.created").is_some());
    }

    proptest! {
        #[test]
        fn a_prefix_pattern_matches_exactly_what_lies_below(prefix in "[a-z]{1,4}(\\.[a-z]{1,4}){0,2}", name in "[a-z]{1,4}(\\.[a-z]{1,4}){0,3}") {
            let pattern = Pattern::parse(&format!("{prefix}.*")).unwrap();
            let name_type = EventType::parse(&name).unwrap();
            prop_assert_eq!(pattern.matches(&name_type), name.starts_with(&format!("{prefix}.")));
            prop_assert_eq!(Pattern::parse(&pattern.to_string()), Some(pattern));
        }
    }
}

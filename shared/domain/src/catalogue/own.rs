//! Event types that a network adds to the built-in ones.

use crate::catalogue::find;
use crate::event_type::EventType;
use crate::operational;
use crate::time::Timestamp;

/// Longest description, in characters.
pub const MAX_DESCRIPTION: usize = 1_000;

/// Longest example, in bytes of JSON.
pub const MAX_EXAMPLE: usize = 16 * 1024;

/// An event type of a network, as of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnType {
    /// Neither a built-in nor an operational one.
    pub name: EventType,
    /// When it is reported, in words.
    pub description: Option<String>,
    /// The JSON Schema (2020-12) of its data, as it was written.
    pub schema: String,
    /// Example data that the schema allows, as it was written.
    pub example: String,
    /// From 1, one more with each change.
    pub version: u64,
    /// Archived types stay readable, and are unknown to strict networks.
    pub archived: bool,
    /// When this version was made.
    pub at: Timestamp,
}

/// Why a network cannot have a type of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It breaks [`EventType::RULE`].
    #[error("{}", EventType::RULE)]
    Format,
    /// It belongs to the catalogue that every network has.
    #[error("is a built-in event type, which cannot be changed; choose another name")]
    BuiltIn,
    /// Only Fanfare reports it.
    #[error("{}", operational::RULE)]
    Operational,
    /// Its last part is `versions`, which is a path of the API.
    #[error("must not end with /versions")]
    Versions,
}

impl NameError {
    /// A stable word for the rule.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::BuiltIn => "built_in",
            Self::Operational => "reserved",
            Self::Versions => "ending",
        }
    }
}

/// The name of a type that a network may define.
///
/// # Errors
/// Why it may not.
pub fn own_name(text: &str) -> Result<EventType, NameError> {
    let name = EventType::parse(text).ok_or(NameError::Format)?;
    if find(&name).is_some() {
        return Err(NameError::BuiltIn);
    }
    if operational::is_reserved(&name) {
        return Err(NameError::Operational);
    }
    if text.ends_with("/versions") {
        return Err(NameError::Versions);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_can_define_what_nobody_else_has() {
        for (text, expected) in [
            ("order.paid", Ok(())),
            ("versions", Ok(())),
            ("order.versions", Ok(())),
            ("message.didCreated", Ok(())),
            ("message.didCreate", Err(NameError::BuiltIn)),
            ("push-notification/post.created", Err(NameError::BuiltIn)),
            ("endpoint.disabled", Err(NameError::Operational)),
            ("order/versions", Err(NameError::Versions)),
            ("order paid", Err(NameError::Format)),
        ] {
            assert_eq!(own_name(text).map(|_| ()), expected, "{text}");
        }
    }
}

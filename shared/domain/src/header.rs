//! Headers that a customer wants with every webhook.

/// Most headers one endpoint may have.
pub const MAX_HEADERS: usize = 20;

/// Longest name, in characters.
const MAX_NAME: usize = 64;

/// Longest value, in characters.
pub const MAX_VALUE: usize = 1024;

/// One header. `Debug` may show it: a sensitive value is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In lower case.
    pub name: HeaderName,
    /// What is sent.
    pub value: HeaderValue,
}

/// Where a header's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// Here, for everyone who may read the endpoint.
    Plain(String),
    /// In the vault, beside the signing keys; never shown again.
    Sensitive,
}

/// A name that is a header's, and not one of those Fanfare or the connection sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderName(String);

/// Why a text is no name for a custom header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderNameError {
    /// Empty, too long, or with a character that names do not have.
    #[error("must be 1 to {MAX_NAME} characters that header names may have, e.g. x-api-key")]
    Malformed,
    /// One that would change what the message is or where it goes.
    #[error("is set by Fanfare or belongs to the connection and cannot be given")]
    Reserved,
}

impl HeaderNameError {
    /// A stable word for the rule.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Malformed => "format",
            Self::Reserved => "reserved",
        }
    }
}

/// RFC 9110 §7.6.1 hop-by-hop and framing headers, and those whose meaning is Fanfare's.
const RESERVED: &[&str] = &[
    // Answers are kept as they come: a compressed one could not be read.
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

/// Families of names: signatures, and what proxies say about the sender.
const RESERVED_PREFIXES: &[&str] = &[
    "webhook-",
    "svix-",
    "x-amity-",
    "x-eko-",
    "x-forwarded-",
    "x-fanfare-",
    "sec-",
];

impl HeaderName {
    /// Lower-cases and checks.
    ///
    /// # Errors
    /// With the rule broken.
    pub fn parse(text: &str) -> Result<Self, HeaderNameError> {
        if !(1..=MAX_NAME).contains(&text.len()) || !text.bytes().all(is_token) {
            return Err(HeaderNameError::Malformed);
        }
        let name = text.to_ascii_lowercase();
        let reserved = RESERVED.contains(&name.as_str())
            || RESERVED_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix));
        if reserved {
            Err(HeaderNameError::Reserved)
        } else {
            Ok(Self(name))
        }
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What [`is_value`] accepts, as the message of a field error.
pub const VALUE_RULE: &str = "must be 1 to 1024 visible ASCII characters, spaces only between them";

/// RFC 9110 §5.5, without the obsolete characters: nothing that could end the line.
#[must_use]
pub fn is_value(text: &str) -> bool {
    (1..=MAX_VALUE).contains(&text.len())
        && text.trim() == text
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_connection_and_of_signatures_are_refused() {
        for (name, expected) in [
            ("X-Api-Key", Ok("x-api-key")),
            ("authorization", Ok("authorization")),
            ("", Err(HeaderNameError::Malformed)),
            ("a b", Err(HeaderNameError::Malformed)),
            ("a:b", Err(HeaderNameError::Malformed)),
            ("x-\r\nhost", Err(HeaderNameError::Malformed)),
            ("é", Err(HeaderNameError::Malformed)),
            ("Host", Err(HeaderNameError::Reserved)),
            ("Content-Length", Err(HeaderNameError::Reserved)),
            ("Webhook-Signature", Err(HeaderNameError::Reserved)),
            ("webhook-anything", Err(HeaderNameError::Reserved)),
            ("X-Amity-Signature", Err(HeaderNameError::Reserved)),
            ("X-Forwarded-For", Err(HeaderNameError::Reserved)),
        ] {
            let parsed = HeaderName::parse(name);
            assert_eq!(
                parsed.as_ref().map(HeaderName::as_str).map_err(|e| *e),
                expected,
                "{name:?}"
            );
        }
        assert!(HeaderName::parse(&"x".repeat(65)).is_err());
    }

    #[test]
    fn values_cannot_end_the_line() {
        for (value, good) in [
            ("Bearer abc", true),
            ("", false),
            (" a", false),
            ("a\r\nb: c", false),
            ("a\0", false),
            ("é", false),
        ] {
            assert_eq!(is_value(value), good, "{value:?}");
        }
    }
}

//! Texts compared with and without regard to case, and against wildcards.

use std::fmt;

/// A text to begin with, end with or equal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sought {
    Exactly(String),
    AnyCase(Folded),
}

impl Sought {
    pub(super) fn begins(&self, text: &str) -> bool {
        match self {
            Self::Exactly(sought) => text.starts_with(sought),
            Self::AnyCase(sought) => begins_with(fold(text), sought.0.chars()),
        }
    }

    pub(super) fn ends(&self, text: &str) -> bool {
        match self {
            Self::Exactly(sought) => text.ends_with(sought),
            Self::AnyCase(sought) => begins_with(fold(text).rev(), sought.0.chars().rev()),
        }
    }
}

/// A text in lower case, character by character.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Folded(String);

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        Self(fold(text).collect())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn equals(&self, text: &str) -> bool {
        fold(text).eq(self.0.chars())
    }
}

fn fold(text: &str) -> impl DoubleEndedIterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

fn begins_with(
    mut text: impl Iterator<Item = char>,
    mut sought: impl Iterator<Item = char>,
) -> bool {
    sought.all(|wanted| text.next() == Some(wanted))
}

/// `a*b*c`, as the pieces between its asterisks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wildcard {
    first: String,
    /// Empty for a text without asterisks, which must be equal to `first`.
    rest: Vec<String>,
}

impl Wildcard {
    /// What [`parse`](Self::parse) accepts.
    pub(super) const RULE: &'static str = "must not have two asterisks in a row, nor a backslash before anything but an asterisk or a backslash";

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut characters = text.chars();
        let mut after_asterisk = false;
        while let Some(character) = characters.next() {
            let asterisk = character == '*';
            match character {
                '*' if after_asterisk => return None,
                '*' => pieces.push(std::mem::take(&mut piece)),
                '\\' => piece.push(characters.next().filter(|c| matches!(c, '*' | '\\'))?),
                other => piece.push(other),
            }
            after_asterisk = asterisk;
        }
        pieces.push(piece);
        let first = pieces.remove(0);
        Some(Self {
            first,
            rest: pieces,
        })
    }

    /// Takes the leftmost place for each piece, which leaves the most room for those after it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else {
            return text == self.first;
        };
        let Some(mut text) = text.strip_prefix(&self.first) else {
            return false;
        };
        for piece in middle {
            match text.split_once(piece.as_str()) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(last)
    }
}

/// As it was written.
impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |piece: &String| piece.replace('\\', r"\\").replace('*', r"\*");
        f.write_str(&escaped(&self.first))?;
        let rest = self.rest.iter();
        rest.map(escaped)
            .try_for_each(|piece| write!(f, "*{piece}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_is_ignored_beyond_ascii() {
        let sought = Sought::AnyCase(Folded::new("ÉCOLE"));
        assert!(sought.begins("école primaire") && sought.ends("Une École"));
        assert!(!sought.begins("éco") && !sought.ends("cole"));
        assert!(Folded::new("straße").equals("STRAßE"));
    }

    #[test]
    fn wildcards_match_as_the_table_says() {
        for (wildcard, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*/lib/*", "/usr/lib/x", true),
            ("*/lib/*", "/usr/lib", false),
            ("ab*ba", "aba", false),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            (r"a\\*", r"a\b", true),
            ("*ab", "aab", true),
        ] {
            let parsed = Wildcard::parse(wildcard).unwrap();
            assert_eq!(parsed.matches(text), expected, "{wildcard} on {text}");
            assert_eq!(parsed.to_string(), wildcard);
        }
        for malformed in ["**", r"\a", r"a\"] {
            assert!(Wildcard::parse(malformed).is_none(), "{malformed}");
        }
    }

    /// Tries every place for every asterisk.
    fn slowly(wildcard: &[u8], text: &[u8]) -> bool {
        match wildcard {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|skip| slowly(rest, &text[skip..])),
            [byte, rest @ ..] => text.first() == Some(byte) && slowly(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_trying_every_place(wildcard in "([ab]{0,2}\\*?){0,4}", text in "[ab]{0,8}") {
            prop_assume!(!wildcard.contains("**"));
            let parsed = Wildcard::parse(&wildcard).unwrap();
            prop_assert_eq!(parsed.matches(&text), slowly(wildcard.as_bytes(), text.as_bytes()));
        }
    }
}

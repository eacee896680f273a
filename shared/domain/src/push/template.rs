//! Texts with placeholders: parsed when saved, so that nothing can go wrong when sent.
//!
//! A placeholder is a parameter in braces, `{sender}`; a brace itself is written twice. The syntax
//! is ours: social.plus publishes none.

use std::collections::BTreeMap;
use std::fmt;

/// Most characters of a title template. Source: social.plus, `titleTemplate`.
pub const MAX_TITLE: usize = 1000;

/// Most characters of a body template. Source: social.plus, `bodyTemplate`.
pub const MAX_BODY: usize = 5000;

/// What the page advises a text to stay below, in characters.
pub const ADVISED: usize = 140;

/// Words that name what does not belong on a lock screen.
const SENSITIVE: [&str; 16] = [
    "address",
    "birth",
    "card",
    "cvv",
    "email",
    "iban",
    "otp",
    "passport",
    "password",
    "phone",
    "pin",
    "salary",
    "secret",
    "ssn",
    "token",
    "credential",
];

/// A text whose placeholders are all known; empty by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Parameter(String),
}

/// Why a text is no template. Positions count characters from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// More characters than its place has room for.
    #[error("has {length} characters, at most {most} are allowed")]
    TooLong {
        /// In characters.
        length: usize,
        /// In characters.
        most: usize,
    },
    /// A placeholder that the event does not have.
    #[error("unknown placeholder at character {at}; this event has {}", spelled(.known))]
    Unknown {
        /// Of its opening brace.
        at: usize,
        /// What may stand there.
        known: Vec<String>,
    },
    /// A brace that neither opens nor closes a placeholder.
    #[error("stray brace at character {at}; write {{{{ or }}}} for a brace itself")]
    Brace {
        /// Of the brace.
        at: usize,
    },
}

impl Invalid {
    /// A stable word for the rule.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Unknown { .. } => "placeholder",
            Self::Brace { .. } => "brace",
        }
    }
}

fn spelled(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("{{{name}}}")).collect();
    names.join(", ")
}

/// What is allowed and still unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Longer than [`ADVISED`] before anything is filled in.
    Long,
    /// Names something that does not belong on a lock screen.
    Sensitive(&'static str),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(
                f,
                "has more than {ADVISED} characters; devices cut long texts off"
            ),
            Self::Sensitive(word) => write!(
                f,
                "names \"{word}\": what is shown on a lock screen is read by others"
            ),
        }
    }
}

impl Template {
    /// Parses a title.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn title(text: &str, parameters: &[&str]) -> Result<Self, Invalid> {
        Self::parse(text, parameters, MAX_TITLE)
    }

    /// Parses a body.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn body(text: &str, parameters: &[&str]) -> Result<Self, Invalid> {
        Self::parse(text, parameters, MAX_BODY)
    }

    fn parse(text: &str, parameters: &[&str], most: usize) -> Result<Self, Invalid> {
        let length = text.chars().count();
        if length > most {
            return Err(Invalid::TooLong { length, most });
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.chars().enumerate().peekable();
        while let Some((at, letter)) = rest.next() {
            match letter {
                '{' | '}' if rest.next_if(|(_, next)| *next == letter).is_some() => {
                    literal.push(letter);
                }
                '{' => {
                    let name: String =
                        std::iter::from_fn(|| rest.next_if(|(_, next)| !matches!(next, '{' | '}')))
                            .map(|(_, letter)| letter)
                            .collect();
                    if rest.next_if(|(_, next)| *next == '}').is_none() {
                        return Err(Invalid::Brace { at });
                    }
                    if !parameters.contains(&name.as_str()) {
                        let known = parameters.iter().map(|name| (*name).to_owned()).collect();
                        return Err(Invalid::Unknown { at, known });
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Parameter(name));
                }
                '}' => return Err(Invalid::Brace { at }),
                _ => literal.push(letter),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text with every placeholder replaced; a parameter without a value leaves nothing.
    #[must_use]
    pub fn render(&self, values: &BTreeMap<String, String>) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Parameter(name) => values.get(name).map_or("", String::as_str),
        });
        parts.collect::<String>().trim().to_owned()
    }

    /// The parameters it shows that `values` does not give.
    pub fn missing<'a>(
        &'a self,
        values: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Parameter(name) => (!values.contains_key(name)).then_some(name.as_str()),
        })
    }

    /// What an administrator should think about again.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let long = (self.text.chars().count() > ADVISED).then_some(Warning::Long);
        let written = words(&self.text);
        let named = |word: &&'static str| written.iter().any(|one| one == word);
        let sensitive = SENSITIVE.iter().copied().filter(named);
        long.into_iter()
            .chain(sensitive.map(Warning::Sensitive))
            .collect()
    }
}

/// The words of a text in small letters; names such as `userEmail`, `USER_EMAIL` and `email2` are
/// several.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        let next = rest.peek().copied();
        if before.is_some_and(|before| begins_word(before, letter, next)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
        before = Some(letter);
    }
    words
}

/// Whether `letter` is of another word than the one before it.
fn begins_word(before: char, letter: char, next: Option<char>) -> bool {
    !before.is_alphanumeric()
        || before.is_numeric() != letter.is_numeric()
        || (letter.is_uppercase() && !before.is_uppercase())
        // The last capital of `SSNumber` begins its second word.
        || (letter.is_uppercase() && next.is_some_and(char::is_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWN: [&str; 2] = ["sender", "channel"];

    fn values() -> BTreeMap<String, String> {
        [("sender", "Ann"), ("channel", "{chess}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn templates_render_or_name_the_character_at_fault() {
        for (text, expected) in [
            (
                "{sender} has joined {channel}",
                Ok("Ann has joined {chess}"),
            ),
            ("{{sender}} {sender}", Ok("{sender} Ann")),
            ("  trimmed  ", Ok("trimmed")),
            ("", Ok("")),
            ("é{user}", Err((1, "placeholder"))),
            ("a {sender", Err((2, "brace"))),
            ("a } b", Err((2, "brace"))),
            ("{}", Err((0, "placeholder"))),
            ("{sen{der}", Err((0, "brace"))),
        ] {
            let parsed = Template::title(text, &KNOWN);
            let told = parsed.map(|template| template.render(&values()));
            let told = told.map_err(|error| match error {
                Invalid::Unknown { at, .. } | Invalid::Brace { at } => (at, error.rule()),
                Invalid::TooLong { length, .. } => (length, error.rule()),
            });
            assert_eq!(told, expected.map(str::to_owned), "{text}");
        }
        let long = "x".repeat(MAX_TITLE + 1);
        assert_eq!(Template::title(&long, &[]).unwrap_err().rule(), "too_long");
        assert!(Template::body(&long, &[]).is_ok());
        assert!(Template::body(&"é".repeat(MAX_BODY), &[]).is_ok());
        assert!(Template::body(&"é".repeat(MAX_BODY + 1), &[]).is_err());
    }

    #[test]
    fn the_unwise_is_told() {
        for (text, warnings) in [
            ("fine", vec![]),
            ("Your Password: x", vec![Warning::Sensitive("password")]),
            (
                "your e-mail: {{userEmail}}",
                vec![Warning::Sensitive("email")],
            ),
            ("{{phone_number}}", vec![Warning::Sensitive("phone")]),
            ("{{PHONE_NUMBER}}", vec![Warning::Sensitive("phone")]),
            ("{{accessToken}}", vec![Warning::Sensitive("token")]),
            ("{{AccessTOKEN}}", vec![Warning::Sensitive("token")]),
            ("{{userSSNNumber}}", vec![Warning::Sensitive("ssn")]),
            ("{{user.homeAddress}}", vec![Warning::Sensitive("address")]),
            ("phone2call", vec![Warning::Sensitive("phone")]),
            (
                "{{cardPin}}",
                vec![Warning::Sensitive("card"), Warning::Sensitive("pin")],
            ),
            ("discard the pinboard", vec![]),
            ("tokenized, Tokenizer, reTOKENIZED", vec![]),
            ("{{cardinal}} {{spinCount}} {{emailed}}", vec![]),
            ("microphone, addressed, secretary", vec![]),
        ] {
            assert_eq!(
                Template::body(text, &[]).unwrap().warnings(),
                warnings,
                "{text}"
            );
        }
        let long = Template::body(&"x".repeat(141), &[]).unwrap();
        assert_eq!(long.warnings(), [Warning::Long]);
        let missing = Template::body("{sender} {channel}", &KNOWN).unwrap();
        assert_eq!(missing.missing(&BTreeMap::new()).collect::<Vec<_>>(), KNOWN);
    }

    proptest! {
        #[test]
        fn a_text_with_its_braces_doubled_renders_as_itself(text in "[^ ].{0,60}[^ ]") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            let template = Template::body(&doubled, &[]).unwrap();
            prop_assert_eq!(template.render(&BTreeMap::new()), text.trim());
            prop_assert_eq!(template.as_str(), doubled);
        }

        #[test]
        fn values_are_never_parsed(value in ".{0,40}") {
            let template = Template::body("<{sender}>", &KNOWN).unwrap();
            let values = [("sender".to_owned(), value.clone())].into();
            prop_assert_eq!(template.render(&values), format!("<{value}>"));
        }
    }
}

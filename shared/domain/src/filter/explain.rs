//! Which conditions of a filter an event fails, in words.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use super::condition::{Condition, Test};
use super::number::Range;
use super::operand::Position;
use super::text::Sought;
use super::{All, Field, any_object};

/// Why an event does not pass a filter: one part of the filter that it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// JSON pointer (RFC 6901) into the filter, e.g. `/data/user/role`.
    pub pointer: String,
    /// What the filter asks for there, e.g. `the text "admin" or a text that begins with "mod"`.
    pub wanted: String,
    /// What the event has there, e.g. `the number 9`, or `nothing`. Quotes the event.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pointer,
            wanted,
            found,
        } = self;
        write!(f, "{pointer}: wanted {wanted}, found {found}")
    }
}

/// Texts and lists of an event are quoted up to this many characters.
const QUOTED: usize = 100;

/// Adds what `object` fails of `all`; adds nothing exactly when it matches.
pub(super) fn all(
    wanted: &All,
    object: Option<&Map<String, Value>>,
    absent: &[bool],
    position: &Position,
    found: &mut Vec<Mismatch>,
) {
    for (name, field) in &wanted.fields {
        let value = object.and_then(|object| object.get(name));
        if !field.matches(value, absent) {
            self::field(field, value, absent, &position.at(name), found);
        }
    }
    let alternatives = &wanted.either;
    if !alternatives.is_empty() && !alternatives.iter().any(|all| all.matches(object, absent)) {
        let position = position.at("$or");
        for (index, alternative) in alternatives.iter().enumerate() {
            all(alternative, object, absent, &position.index(index), found);
        }
    }
}

/// Adds what is wrong with a value that a field does not match.
fn field(
    field: &Field,
    value: Option<&Value>,
    absent: &[bool],
    position: &Position,
    found: &mut Vec<Mismatch>,
) {
    let mut mismatch = |wanted: String| {
        found.push(Mismatch {
            pointer: position.pointer().to_owned(),
            wanted,
            found: described(value),
        });
    };
    let inside = match field {
        Field::AnyOf(conditions) => {
            let each: Vec<_> = conditions.iter().map(ToString::to_string).collect();
            return mismatch(each.join(" or "));
        }
        Field::Inside(inside) => inside,
    };
    let mut objects = Vec::new();
    if let Some(value) = value {
        any_object(value, &mut |object| {
            objects.push(object);
            false
        });
    }
    match (objects.as_slice(), value) {
        ([], None) => all(inside, None, absent, position, found),
        ([], Some(_)) => mismatch("an object with the fields named here".to_owned()),
        ([object], _) => all(inside, Some(object), absent, position, found),
        (_, _) => mismatch("one element with all that is asked for here".to_owned()),
    }
}

fn described(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(value)) => format!("the boolean {value}"),
        Some(Value::Number(value)) => format!("the number {value}"),
        Some(Value::String(text)) => format!("the text {}", quoted(text)),
        Some(Value::Array(elements)) => {
            format!(
                "a list of {}: {}",
                elements.len(),
                cut(&Value::from(elements.as_slice()).to_string())
            )
        }
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(cut(text)).to_string()
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(QUOTED).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes(test) => test.fmt(f),
            Self::PassesNone(tests) => {
                f.write_str("a value that is neither")?;
                for (index, test) in tests.iter().enumerate() {
                    f.write_str(if index == 0 { " " } else { " nor " })?;
                    test.fmt(f)?;
                }
                Ok(())
            }
            Self::Present => f.write_str("a value of any kind"),
            Self::Absent(_) => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sought = |f: &mut fmt::Formatter<'_>, verb: &str, sought: &Sought| match sought {
            Sought::Exactly(text) => write!(f, "a text that {verb} with {}", quoted(text)),
            Sought::AnyCase(text) => write!(
                f,
                "a text that {verb} with {} in any case",
                quoted(text.as_str())
            ),
        };
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "the boolean {value}"),
            Self::Number(value) => write!(f, "the number {value}"),
            Self::Text(text) => write!(f, "the text {}", quoted(text)),
            Self::Begins(text) => sought(f, "begins", text),
            Self::Ends(text) => sought(f, "ends", text),
            Self::AnyCase(text) => write!(f, "the text {} in any case", quoted(text.as_str())),
            Self::Like(wildcard) => write!(f, "a text like {}", quoted(&wildcard.to_string())),
            Self::Between(range) => range.fmt(f),
            Self::Within(block) => write!(f, "an address in {block}"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some((lower, true)), Some((upper, true))) = (&self.lower, &self.upper)
            && lower == upper
        {
            return write!(f, "the number {lower}");
        }
        let mut text = String::from("a number");
        if let Some((bound, included)) = &self.lower {
            let word = if *included { "of at least" } else { "above" };
            write!(text, " {word} {bound}")?;
        }
        if self.lower.is_some() && self.upper.is_some() {
            text.push_str(" and");
        }
        if let Some((bound, included)) = &self.upper {
            let word = if *included { "of at most" } else { "below" };
            write!(text, " {word} {bound}")?;
        }
        f.write_str(&text)
    }
}

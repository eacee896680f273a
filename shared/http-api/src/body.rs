use domain::field::FieldError;
use serde::Deserialize;
use serde_json::error::Category;

use crate::Problem;

/// Parses a request body that is an object, whose type refuses unknown fields.
///
/// # Errors
/// `malformed-json` with the position, or `invalid-fields` with the field and the rule.
pub fn parse_json<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Problem> {
    // Serde would take a list for an object, its values in the order of the fields.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let message = "must be an object, not a list";
        return Err(Problem::InvalidFields(vec![FieldError::new(
            "", "type", message,
        )]));
    }
    parse(body)
}

/// The same for a body that may be left out.
///
/// # Errors
/// As [`parse_json`].
pub fn parse_json_or_default<'b, T: Default + Deserialize<'b>>(
    body: &'b [u8],
) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() {
        Ok(T::default())
    } else {
        parse_json(body)
    }
}

/// The same for a body that is a list.
///
/// # Errors
/// As [`parse_json`].
pub fn parse_json_list<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<Vec<T>, Problem> {
    parse(body)
}

fn parse<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        describe(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| describe(".", &error))?;
    Ok(parsed)
}

fn describe(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::MalformedJson(format!("the body is not JSON: {text}"))
        }
        Category::Data => Problem::InvalidFields(vec![field_error(path, &text)]),
    }
}

/// Turns serde's message into field and rule. The position it ends with means nothing to a caller
/// who built the body with a library.
fn field_error(path: &str, text: &str) -> FieldError {
    let message = text.split(" at line ").next().unwrap_or(text);
    let parent = if path == "." { "" } else { path };
    for (start, rule) in [
        ("unknown field `", "unknown"),
        ("missing field `", "required"),
        ("duplicate field `", "duplicate"),
    ] {
        if let Some(name) = message
            .strip_prefix(start)
            .and_then(|rest| rest.split('`').next())
        {
            // For an unknown field the path already ends with its name.
            let known = parent == name || parent.ends_with(&format!(".{name}"));
            let field = if known || parent.is_empty() {
                if known {
                    parent.to_owned()
                } else {
                    name.to_owned()
                }
            } else {
                format!("{parent}.{name}")
            };
            return FieldError::new(field, rule, said(rule, message));
        }
    }
    if let Some(rule) = bounded(message) {
        return FieldError::new(parent, "range", rule);
    }
    FieldError::new(parent, "type", plainly(message))
}

fn said(rule: &str, message: &str) -> String {
    match rule {
        "required" => "is required".to_owned(),
        "duplicate" => "is given twice".to_owned(),
        _ => match message.split_once(", ") {
            Some((_, expected)) => format!("is not a field here, {expected}"),
            None => "is not a field here".to_owned(),
        },
    }
}

/// What is wrong with a whole number that does not fit its type. That type's own limit is left out:
/// it is no rule of the field, whose own is told of a number that does fit.
fn bounded(message: &str) -> Option<&'static str> {
    let (found, expected) = message.split_once("`, expected ")?;
    // The largest are read as if they had a fraction.
    let found = match found.strip_prefix("invalid value: integer `") {
        Some(whole) => whole,
        None => found
            .strip_prefix("invalid type: floating point `")
            .filter(|float| float.parse::<f64>().is_ok_and(|float| float.abs() >= HUGE))
            .filter(|_| expected.starts_with(['i', 'u']))?,
    };
    Some(match (found.starts_with('-'), expected.starts_with('u')) {
        (true, true) => NOT_NEGATIVE,
        (true, false) => "is too small",
        (false, _) => "is too large",
    })
}

/// Beyond what a whole number can be: 2^63.
const HUGE: f64 = 9_223_372_036_854_775_808.0;

const NOT_NEGATIVE: &str = "must be a whole number, 0 or more";

/// How a whole number is called.
const WHOLE: &str = "a whole number";

/// A wrong type in words of JSON instead of Rust's, without the value, which may be a secret.
fn plainly(message: &str) -> String {
    let sides = message
        .strip_prefix("invalid type: ")
        .and_then(|sides| sides.split_once(", expected "));
    let Some((found, expected)) = sides else {
        return message.to_owned();
    };
    let expected = match expected {
        "a sequence" => "a list",
        "a string" | "a borrowed string" => "a text",
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => WHOLE,
        "f32" | "f64" => "a number",
        "a map" => "an object",
        object if object.starts_with("struct ") => "an object",
        other => other,
    };
    let kind = found.split(' ').next().unwrap_or_default();
    // `1e3` is one of these too, and "not a number" would be untrue.
    if kind == "floating" && expected.starts_with(WHOLE) {
        return format!("must be {expected}, without a fraction or an exponent");
    }
    let found = match kind {
        "map" => "an object",
        "sequence" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => WHOLE,
        "floating" => "a number",
        "null" => "null",
        _ => found,
    };
    format!("must be {expected}, not {found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the parsing matters")]
    struct Body {
        url: String,
        #[serde(default)]
        list: Vec<u8>,
        #[serde(default)]
        change: i8,
    }

    #[test]
    fn a_wrong_type_is_said_in_words_of_json() {
        for (body, said) in [
            (r#"{"url":1}"#, "must be a text, not a whole number"),
            (r#"{"url":null}"#, "must be a text, not null"),
            (r#"{"url":{"a":1}}"#, "must be a text, not an object"),
            (r#"{"url":"x","list":{}}"#, "must be a list, not an object"),
            (
                r#"{"url":"x","list":"secret"}"#,
                "must be a list, not a text",
            ),
            (
                r#"{"url":"x","list":[true]}"#,
                "must be a whole number, 0 or more, not true or false",
            ),
            (
                r#"{"url":"x","list":[1e3]}"#,
                "must be a whole number, 0 or more, without a fraction or an exponent",
            ),
            (
                r#"{"url":"x","list":[99999999999999999999]}"#,
                "is too large",
            ),
            (r#"{"url":1.5}"#, "must be a text, not a number"),
            (
                r#"{"url":"x","list":[0,-1]}"#,
                "must be a whole number, 0 or more",
            ),
            (r#"{"url":"x","list":[256]}"#, "is too large"),
            (r#"{"url":"x","change":-129}"#, "is too small"),
            (r#"{"url":"x","change":128}"#, "is too large"),
            (r#"["x"]"#, "must be an object, not a list"),
        ] {
            let Err(Problem::InvalidFields(errors)) = parse_json::<Body>(body.as_bytes()) else {
                panic!("{body} was not refused for its fields");
            };
            assert_eq!(errors[0].message, said, "{body}");
        }
    }

    #[test]
    fn each_mistake_names_its_field_and_rule() {
        for (body, field, rule) in [
            (r#"{}"#, "url", "required"),
            (r#"{"url":1}"#, "url", "type"),
            (r#"{"url":"x","uri":"y"}"#, "uri", "unknown"),
            (r#"{"url":"x","url":"y"}"#, "url", "duplicate"),
            (r#"{"url":"x","list":[1,"a"]}"#, "list[1]", "type"),
            (r#"{"url":"x","list":[1,-1]}"#, "list[1]", "range"),
            (r#"{"url":"x","list":[1,1000]}"#, "list[1]", "range"),
            ("[]", "", "type"),
        ] {
            let Err(Problem::InvalidFields(errors)) = parse_json::<Body>(body.as_bytes()) else {
                panic!("{body} was not refused for its fields");
            };
            assert_eq!(
                (errors[0].field.as_str(), errors[0].rule),
                (field, rule),
                "{body}: {errors:?}"
            );
            assert!(!errors[0].message.contains("line"), "{errors:?}");
        }
        for body in ["", "{", "{\"url\":\"x\"} tail", "\u{1}", "nope"] {
            let problem = parse_json::<Body>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.entry().id, "malformed-json", "{body}");
        }
    }
}

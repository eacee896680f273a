//! Custom headers: plain values go with the endpoint, sensitive ones into the vault.

use domain::header::{Header, HeaderName, HeaderValue, MAX_HEADERS, VALUE_RULE, is_value};
use vault::Headers;
use zeroize::Zeroizing;

use super::fields::Fields;
use crate::shape::HeaderInput;

/// Headers as they are stored, and the values that the vault is to keep.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) headers: Vec<Header>,
    pub(crate) sensitive: Headers,
}

/// Checks the list. `kept` are the sensitive values there are already: one without a value stays.
pub(crate) fn choose(fields: &mut Fields, inputs: &[HeaderInput], kept: &Headers) -> Chosen {
    let mut chosen = Chosen::default();
    if inputs.len() > MAX_HEADERS {
        let rule = format!("must hold at most {MAX_HEADERS} headers");
        fields.broken("headers", "count", &rule);
    }
    for (index, input) in inputs.iter().enumerate() {
        let at = |part: &str| format!("headers[{index}].{part}");
        let name = match HeaderName::parse(&input.name) {
            Ok(name) => name,
            Err(error) => {
                fields.broken(&at("name"), error.rule(), &error.to_string());
                continue;
            }
        };
        if chosen.headers.iter().any(|header| header.name == name) {
            fields.broken(&at("name"), "duplicate", "is given twice");
            continue;
        }
        let given = input.value.clone().map(Zeroizing::new);
        let kept = kept.get(name.as_str()).filter(|_| input.sensitive);
        let Some(value) = given.or_else(|| kept.cloned()) else {
            fields.broken(&at("value"), "required", "is required");
            continue;
        };
        if !is_value(&value) {
            fields.broken(&at("value"), "format", VALUE_RULE);
            continue;
        }
        let stored = if input.sensitive {
            chosen.sensitive.insert(name.as_str().to_owned(), value);
            HeaderValue::Sensitive
        } else {
            HeaderValue::Plain(value.as_str().to_owned())
        };
        chosen.headers.push(Header {
            name,
            value: stored,
        });
    }
    chosen
}

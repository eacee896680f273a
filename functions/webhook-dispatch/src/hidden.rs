//! What an answer may not say: sensitive header values, which a receiver may echo.
//!
//! An error page that shows the request it got is common, and the attempt log is for everybody who
//! may look at deliveries. So the values that were sent are cut out of an answer before any of it is
//! kept. An answer can spell a value in ways without end; the ones that echoing receivers use are
//! found: the value as it is, each long word of it (the token after `Bearer`), as the text of a JSON
//! string or of HTML, the way common libraries write these, and its beginning where the answer was cut.

use domain::attempt::Response;
use vault::Material;
use zeroize::Zeroizing;

/// Shorter texts are no secrets, and cutting them out would leave nothing readable.
const SHORTEST: usize = 4;

/// A word that is a part of a value and shorter can be the name of a scheme.
const SHORTEST_WORD: usize = 8;

/// How one character is written where it is not written as it is.
type Spell = fn(char) -> Option<String>;

const SPELLINGS: [Spell; 7] = [
    |_| None,
    json,
    // PHP's json_encode
    |c| {
        if c == '/' {
            Some("\\/".to_owned())
        } else {
            json(c)
        }
    },
    // Go's encoding/json, and Rails
    |c| {
        if matches!(c, '<' | '>' | '&') {
            Some(unicode(c))
        } else {
            json(c)
        }
    },
    // Python's html.escape
    |c| html(c, "&#x27;", "/"),
    // PHP's htmlspecialchars, Ruby's CGI.escapeHTML and Go's html/template, but for quotes
    |c| html(c, "&#39;", "/"),
    // what OWASP advises
    |c| html(c, "&#x27;", "&#x2F;"),
];

fn json(c: char) -> Option<String> {
    matches!(c, '"' | '\\').then(|| format!("\\{c}"))
}

fn unicode(c: char) -> String {
    format!("\\u{:04x}", u32::from(c))
}

fn html(c: char, apostrophe: &str, slash: &str) -> Option<String> {
    let written = match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => apostrophe,
        '/' => slash,
        _ => return None,
    };
    Some(written.to_owned())
}

fn spelled(text: &str, spell: Spell) -> String {
    text.chars()
        .map(|c| spell(c).unwrap_or_else(|| c.to_string()))
        .collect()
}

const MASK: &str = "[sensitive]";

/// The texts that are cut out, longest first, so that none is left half.
pub(crate) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    pub(crate) fn of(material: &Material) -> Self {
        Self::values(material.headers().values().map(|value| value.as_str()))
    }

    fn values<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut texts = Vec::new();
        for value in values {
            let words = value.split_ascii_whitespace();
            let words = words.filter(|word| word.len() >= SHORTEST_WORD);
            for text in words.chain([value]).filter(|text| text.len() >= SHORTEST) {
                texts.extend(SPELLINGS.map(|spell| Zeroizing::new(spelled(text, spell))));
            }
        }
        texts.sort_by(|one, other| (other.len(), other.as_str()).cmp(&(one.len(), one.as_str())));
        texts.dedup();
        Self(texts)
    }

    /// `response` without them. With nothing to hide, which is usual, it is not even looked at.
    pub(crate) fn masked(&self, response: Response) -> Response {
        if self.0.is_empty() {
            return response;
        }
        let headers = response.headers.into_iter();
        let headers = headers.map(|(name, value)| (name, self.whole(value)));
        let body = self.whole(response.body);
        Response {
            headers: headers.collect(),
            body: if response.truncated {
                self.beginning(body)
            } else {
                body
            },
            truncated: response.truncated,
        }
    }

    fn whole(&self, text: String) -> String {
        self.0.iter().fold(text, |text, hidden| {
            if text.contains(hidden.as_str()) {
                text.replace(hidden.as_str(), MASK)
            } else {
                text
            }
        })
    }

    /// Without the beginning of one at the end of a text that was cut.
    fn beginning(&self, mut text: String) -> String {
        let cut = self.0.iter().filter_map(|hidden| {
            let ends = hidden.char_indices().map(|(at, _)| at).rev();
            let mut beginnings = ends.filter_map(|end| hidden.get(..end));
            beginnings.find(|beginning| beginning.len() >= SHORTEST && text.ends_with(beginning))
        });
        if let Some(longest) = cut.map(str::len).max() {
            text.truncate(text.len() - longest);
            text.push_str(MASK);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(value: &str, body: &str, truncated: bool) -> Response {
        Hidden::values([value]).masked(Response {
            headers: vec![("x-echo".to_owned(), body.to_owned())],
            body: body.to_owned(),
            truncated,
        })
    }

    #[test]
    fn an_echo_shows_no_sensitive_value() {
        for (value, echo, expected) in [
            (
                "TOPSECRET",
                "x-key: TOPSECRET; ok",
                "x-key: [sensitive]; ok",
            ),
            ("Bearer abcdefgh", "got Bearer abcdefgh", "got [sensitive]"),
            ("Bearer abcdefgh", "token abcdefgh!", "token [sensitive]!"),
            (r#"a"b\c"#, r#"{"x":"a\"b\\c"}"#, r#"{"x":"[sensitive]"}"#),
            (
                "Bearer ab/cdefgh+xyz==",
                r#"{"auth":"Bearer ab\/cdefgh+xyz=="}"#,
                r#"{"auth":"[sensitive]"}"#,
            ),
            (
                "a<b&c/d'e",
                r"\u003c a\u003cb\u0026c/d'e",
                r"\u003c [sensitive]",
            ),
            (
                "a<b&c/d'e",
                "<pre>a&lt;b&amp;c/d&#39;e</pre>",
                "<pre>[sensitive]</pre>",
            ),
            ("a<b&c/d'e", "a&lt;b&amp;c&#x2F;d&#x27;e.", "[sensitive]."),
            ("TOPSECRET", "TOPSECRETTOPSECRET", "[sensitive][sensitive]"),
            ("abc", "abc", "abc"),
            ("TOPSECRET", "nothing of it", "nothing of it"),
        ] {
            let seen = masked(value, echo, false);
            assert_eq!(seen.body, expected);
            assert_eq!(seen.headers[0].1, expected);
        }
    }

    #[test]
    fn where_an_answer_is_cut_the_beginning_of_a_value_goes_too() {
        for (echo, truncated, expected) in [
            ("key: TOPSECR", true, "key: [sensitive]"),
            ("key: TOPS", true, "key: [sensitive]"),
            ("key: TOP", true, "key: TOP"),
            ("key: TOPSECR", false, "key: TOPSECR"),
            ("", true, ""),
        ] {
            assert_eq!(masked("TOPSECRET", echo, truncated).body, expected);
        }
    }
}

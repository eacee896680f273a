//! A push as Baidu takes it.

use domain::push::message::Push;
use serde_json::{Map, Value};

use crate::order::Unbuildable;
use crate::trim::fit;

/// Most bytes of `msg`.
pub const MAX_MESSAGE: usize = 4096;

/// The JSON text of `msg`, cut to size, and whether it was.
///
/// # Errors
/// When it is too large even without a body.
pub fn message(push: &Push) -> Result<(String, bool), Unbuildable> {
    let body = push.body.as_ref().map_or("", |body| body.text.as_str());
    fit(body, MAX_MESSAGE, |body| Ok(build(push, body)), String::len)
}

fn build(push: &Push, body: &str) -> String {
    let mut message = Map::new();
    if !push.silent {
        if let Some(title) = push.title.as_ref().filter(|title| !title.text.is_empty()) {
            message.insert("title".to_owned(), title.text.as_str().into());
        }
        message.insert("description".to_owned(), body.into());
    }
    if !push.data.is_empty() {
        let data = push.data.iter();
        let data: Map<_, Value> = data.map(|(k, v)| (k.clone(), v.as_str().into())).collect();
        message.insert("custom_content".to_owned(), data.into());
    }
    Value::Object(message).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::push::message::Text;

    #[test]
    fn a_message_is_cut_to_size() {
        let mut push = Push {
            title: Some(Text::plain("t")),
            body: Some(Text::plain("b")),
            data: [("k".to_owned(), "v".to_owned())].into(),
            ..Push::default()
        };
        let expected = r#"{"custom_content":{"k":"v"},"description":"b","title":"t"}"#;
        assert_eq!(message(&push).unwrap(), (expected.to_owned(), false));
        push.body = Some(Text::plain("é".repeat(5000)));
        let (text, trimmed) = message(&push).unwrap();
        assert!(trimmed && (MAX_MESSAGE - 2..=MAX_MESSAGE).contains(&text.len()));
        push.silent = true;
        push.data = [("k".to_owned(), "v".repeat(5000))].into();
        assert_eq!(message(&push).unwrap_err().rule(), "payload_too_large");
    }
}

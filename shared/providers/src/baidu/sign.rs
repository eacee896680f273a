//! Baidu's signature: hex(md5(urlencode(METHOD + URL + `k=v` of every parameter, sorted + key))).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// Signs a request to `url`, given without a query.
#[must_use]
pub fn sign(
    method: &str,
    url: &str,
    parameters: &BTreeMap<&str, String>,
    secret_key: &str,
) -> String {
    let mut base = format!("{method}{url}");
    for (name, value) in parameters {
        // Raw values, and nothing between the pairs.
        base.push_str(name);
        base.push('=');
        base.push_str(value);
    }
    base.push_str(secret_key);
    digest(&base)
}

fn digest(base: &str) -> String {
    let mut hex = String::new();
    for byte in Md5::digest(urlencode(base).as_bytes()) {
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex
}

/// As PHP's `urlencode`: a space becomes `+`, only letters, digits and `-_.` stay, so `~` and `*`
/// do not.
#[must_use]
pub fn urlencode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => {
                let _infallible = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published for the sibling product, whose base holds the body and two keys instead of
    /// parameters; encoding and digest are the same.
    #[test]
    fn the_published_vector() {
        let body = r#"{"message_type":2,"transmission":{"title":"hello","content":"hello world"}}"#;
        let url = "https://push.safe.baidu.com/push/api/open/v1/message/broadcast";
        let base = format!(
            "POST{url}{body}100011543310683{}",
            "79b7cdcd14db14e9cb498f1793817d69"
        );
        assert_eq!(digest(&base), "354e0bbf6a80b07b61bd9637e45b3a32");
    }

    #[test]
    fn our_vector_by_the_rule_of_rest_3() {
        let parameters = BTreeMap::from([
            ("apikey", "testkey".to_owned()),
            ("channel_id", "1234567890".to_owned()),
            ("device_type", "3".to_owned()),
            (
                "msg",
                r#"{"title":"hi","description":"a~b *!'() é"}"#.to_owned(),
            ),
            ("msg_type", "1".to_owned()),
            ("timestamp", "1543310683".to_owned()),
        ]);
        let url = "http://api.tuisong.baidu.com/rest/3.0/push/single_device";
        let signed = sign("POST", url, &parameters, "testsecret");
        assert_eq!(signed, "c7d4f593e13c8493bbe3ea20667e324f");
    }
}

//! Forms with files: `multipart/form-data`, RFC 7578.

use http_api::Problem;

/// Most parts of a form; there are fewer fields than this.
const MAX_PARTS: usize = 32;

/// A part's name, and its content as a slice of the body.
pub(super) type Part<'a> = (String, &'a [u8]);

/// The boundary, when the content type is that of a form.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut parameters = parameters.split(';').map(str::trim);
    let value = parameters.find_map(|parameter| parameter.strip_prefix("boundary="))?;
    Some(value.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// Every part of a form.
///
/// # Errors
/// When it is not whole, or a part has no name.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Problem> {
    let broken = |why: &str| Problem::MalformedJson(format!("the form cannot be read: {why}"));
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let first = delimiter.get(2..).unwrap_or_default();
    let mut rest = match body.strip_prefix(first) {
        Some(rest) => rest,
        // A preamble may come first.
        None => {
            after(body, &delimiter)
                .ok_or_else(|| broken("it has no first boundary"))?
                .1
        }
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        if parts.len() == MAX_PARTS {
            return Err(broken("it has too many parts"));
        }
        let part = rest.strip_prefix(b"\r\n");
        let part = part.ok_or_else(|| broken("a boundary does not end its line"))?;
        let (part, next) = after(part, &delimiter).ok_or_else(|| broken("it has no end"))?;
        let (head, content) =
            after(part, b"\r\n\r\n").ok_or_else(|| broken("a part has no headers"))?;
        let head = std::str::from_utf8(head).map_err(|_| broken("a header is not text"))?;
        let name = name(head).ok_or_else(|| broken("a part has no name"))?;
        parts.push((name, content));
        rest = next;
    }
    Ok(parts)
}

/// What is before the first `mark`, and what is after it.
fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.strip_prefix(mark)?))
}

fn name(head: &str) -> Option<String> {
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let mut parameters = disposition.split(';').map(str::trim);
    let name = parameters.find_map(|parameter| parameter.strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_apart_or_refused() {
        let kind = "multipart/form-data; charset=utf-8; boundary=\"x-y\"";
        assert_eq!(boundary(kind), Some("x-y"));
        assert_eq!(boundary("application/json"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);

        let form = b"hello\r\n--x-y\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\nA\r\n\
            --x-y\r\nContent-Type: application/x-pkcs12\r\nContent-Disposition: form-data; name=p12; filename=\"a; name=b\"\r\n\r\n\x30\r\n\x80\r\n--x-y--\r\n";
        let expected: Vec<Part<'_>> = vec![
            ("name".to_owned(), b"A".as_slice()),
            ("p12".to_owned(), b"\x30\r\n\x80".as_slice()),
        ];
        assert_eq!(parts(form, "x-y").unwrap(), expected);
        assert_eq!(parts(b"--x-y--", "x-y").unwrap(), vec![]);
        for length in 0..form.len() - 6 {
            assert!(parts(&form[..length], "x-y").is_err(), "{length}");
        }
        for bad in [
            "--x-y\r\n\r\n\r\n--x-y--",
            "--x-y\r\ncontent-disposition: form-data\r\n\r\nA\r\n--x-y--",
            "--x-yz",
        ] {
            assert!(parts(bad.as_bytes(), "x-y").is_err(), "{bad}");
        }
    }
}

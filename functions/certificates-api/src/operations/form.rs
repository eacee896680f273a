//! Forms with files: `multipart/form-data`, RFC 7578.

use http_api::Problem;

/// Most parts of a form; there are fewer fields than this.
const MAX_PARTS: usize = 32;

/// A part's name, and its content as a slice of the body.
pub(super) type Part<'a> = (String, &'a [u8]);

/// The boundary, when the content type is that of a form.
///
/// # Errors
/// When it is one, and names none.
pub(super) fn boundary(content_type: &str) -> Result<Option<String>, Problem> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let boundary = parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty());
    boundary
        .map(Some)
        .ok_or_else(|| broken("its Content-Type names no boundary"))
}

fn broken(why: &str) -> Problem {
    Problem::MalformedForm(format!("the form cannot be read: {why}"))
}

/// Every part of a form.
///
/// # Errors
/// When it is not whole, or a part has no name.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Problem> {
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
    parameter(disposition.split_once(';')?.1, "name")
}

/// The value of a header's parameter, RFC 9110 §5.6.6: its name in any case, its value a token or a
/// quoted string.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    while let Some((found, after)) = rest.split_once('=') {
        let found = found.trim_matches([';', ' ', '\t']);
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (token, after) = after.split_once(';').unwrap_or((after, ""));
                (token.trim().to_owned(), after)
            }
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// A quoted string whose opening quote is gone, RFC 9110 §5.6.4, and what follows it. `None` when it
/// has no end.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(rest.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_found_however_its_parameter_is_written() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=x-y", "x-y"),
            ("multipart/form-data; BOUNDARY=x-y", "x-y"),
            ("Multipart/Form-Data;Boundary=\"x-y\"", "x-y"),
            ("multipart/form-data; charset=utf-8; boundary=x-y ", "x-y"),
            ("multipart/form-data; boundary=x-y; charset=utf-8", "x-y"),
            (
                r#"multipart/form-data; note="; boundary=no \" "; boundary="x y""#,
                "x y",
            ),
        ] {
            let found = boundary(kind).unwrap();
            assert_eq!(found.as_deref(), Some(expected), "{kind}");
        }
        for kind in [
            "",
            "application/json",
            "application/json; boundary=x",
            "multipart/mixed; boundary=x",
        ] {
            assert_eq!(boundary(kind).unwrap(), None, "{kind}");
        }
        for kind in [
            "multipart/form-data",
            "multipart/form-data; boundary",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=\"x",
            "multipart/form-data; xboundary=x",
        ] {
            let problem = boundary(kind).unwrap_err();
            assert_eq!(problem.entry().id, "malformed-form", "{kind}");
        }
    }

    #[test]
    fn a_form_is_taken_apart_or_refused() {
        let form = b"hello\r\n--x-y\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\nA\r\n\
            --x-y\r\nContent-Type: application/x-pkcs12\r\nContent-Disposition: form-data; filename=\"a; name=b\"; NAME=p12\r\n\r\n\x30\r\n\x80\r\n--x-y--\r\n";
        let expected: Vec<Part<'_>> = vec![
            ("name".to_owned(), b"A".as_slice()),
            ("p12".to_owned(), b"\x30\r\n\x80".as_slice()),
        ];
        assert_eq!(parts(form, "x-y").unwrap(), expected);
        assert_eq!(parts(b"--x-y--", "x-y").unwrap(), vec![]);
        for length in 0..form.len() - 6 {
            let problem = parts(&form[..length], "x-y").unwrap_err();
            assert_eq!(problem.entry().id, "malformed-form", "{length}");
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

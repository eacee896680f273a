//! Cutting a body so that its payload fits.

use crate::order::Unbuildable;

const ELLIPSIS: char = '…';

/// What `write` makes of `body`, cut if it has to be for its `bytes` to stay within `limit`; and
/// whether it was cut.
pub(crate) fn fit<T>(
    body: &str,
    limit: usize,
    write: impl Fn(&str) -> Result<T, Unbuildable>,
    bytes: impl Fn(&T) -> usize,
) -> Result<(T, bool), Unbuildable> {
    let whole = write(body)?;
    if bytes(&whole) <= limit {
        return Ok((whole, false));
    }
    // How often it holds the body, seen from what one letter more costs.
    let one = bytes(&write("x")?);
    let copies = bytes(&write("xx")?).saturating_sub(one);
    let size = one.saturating_sub(copies);
    let room = limit
        .checked_sub(size)
        .and_then(|room| room.checked_div(copies));
    let short = room.and_then(|room| trim(body, room));
    let short = short.ok_or(Unbuildable::TooLarge { size, limit })?;
    Ok((write(&short)?, true))
}

/// The longest beginning of `body` that, with an ellipsis, takes at most `room` bytes inside a JSON
/// text; `None` when not even the ellipsis fits.
fn trim(body: &str, room: usize) -> Option<String> {
    let mut left = room.checked_sub(json_bytes(ELLIPSIS))?;
    let mut kept = String::new();
    for letter in body.chars() {
        let Some(rest) = left.checked_sub(json_bytes(letter)) else {
            break;
        };
        left = rest;
        kept.push(letter);
    }
    // A space before the ellipsis looks like a missing word.
    kept.truncate(kept.trim_end().len());
    kept.push(ELLIPSIS);
    Some(kept)
}

/// RFC 8259 §7, as `serde_json` writes it.
fn json_bytes(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => letter.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_kept_fits_and_begins_the_body(body in "\\PC{0,40}[\\x00-\\x1f\"\\\\]{0,9}\\PC{0,40}", room in 0_usize..120) {
            match trim(&body, room) {
                Some(kept) => {
                    let written = serde_json::to_string(&kept).unwrap();
                    prop_assert!(written.len() - 2 <= room);
                    prop_assert!(body.starts_with(kept.strip_suffix('…').unwrap()));
                }
                None => prop_assert!(room < 3),
            }
        }
    }
}

//! Cutting a body so that its payload fits.

use crate::order::Unbuildable;

const ELLIPSIS: char = '…';

/// `body`, cut if it has to be for `bytes`, the size of the payload with a given body, to stay within
/// `limit`; `None` when it fits as it is.
pub(crate) fn fit(
    body: &str,
    limit: usize,
    bytes: impl Fn(&str) -> usize,
) -> Result<Option<String>, Unbuildable> {
    if bytes(body) <= limit {
        return Ok(None);
    }
    // How often the payload holds the body, seen from what one letter more costs.
    let one = bytes("x");
    let copies = bytes("xx").saturating_sub(one);
    let size = one.saturating_sub(copies);
    let room = limit
        .checked_sub(size)
        .and_then(|room| room.checked_div(copies));
    let short = room.and_then(|room| trim(body, room));
    short.map(Some).ok_or(Unbuildable::TooLarge { size, limit })
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

//! Just enough DER to read the topics of a push certificate.

/// One tag and its content.
pub(crate) fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (bytes, after) = rest.split_at_checked(length & 0x7f)?;
        length = bytes.iter().try_fold(0_usize, |sum, byte| {
            sum.checked_mul(256)?.checked_add(usize::from(*byte))
        })?;
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;

/// The texts directly inside a SEQUENCE: of the topic list, the topics without their kinds.
pub(crate) fn texts(der: &[u8]) -> Vec<String> {
    let Some((SEQUENCE, mut rest, _)) = next(der) else {
        return Vec::new();
    };
    let mut texts = Vec::new();
    while let Some((tag, content, after)) = next(rest) {
        if tag == UTF8_STRING {
            texts.push(String::from_utf8_lossy(content).into_owned());
        }
        rest = after;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_told_from_their_kinds() {
        let kinds = [0x30, 5, 0x0c, 3, b'a', b'p', b'p'];
        let mut list = vec![0x30, 3 + 2 + 7, 0x0c, 3, b'a', b'.', b'b'];
        list.extend(kinds);
        assert_eq!(texts(&list), ["a.b"]);
        assert!(texts(&[0x30, 200]).is_empty());
        assert!(texts(&[]).is_empty());
    }
}

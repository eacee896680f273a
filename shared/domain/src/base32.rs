//! Crockford base 32 (<https://www.crockford.com/base32.html>) of fixed-size ids.
//!
//! Bytes are read as one big-endian number padded with zero bits in front, so text order equals
//! byte order, and 16 bytes give exactly the canonical 26 characters of a ULID.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of characters that `bytes` bytes need.
#[must_use]
pub const fn width(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// Encodes, upper case.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(width(bytes.len()));
    let mut window: u32 = 0;
    // Start as if the padding bits had been read already.
    let mut filled = (5 - (bytes.len() * 8) % 5) % 5;
    for byte in bytes {
        window = (window << 8) | u32::from(*byte);
        filled += 8;
        while filled >= 5 {
            filled -= 5;
            let digit = usize::try_from((window >> filled) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET.get(digit).copied().unwrap_or_default()));
        }
        window &= (1 << filled) - 1;
    }
    text
}

/// Decodes exactly `N` bytes; `None` for a wrong length, a foreign character or set padding bits.
/// Lower case is accepted.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != width(N) {
        return None;
    }
    let mut bytes = [0_u8; N];
    let mut out = bytes.iter_mut();
    let mut window: u32 = 0;
    let padding = width(N) * 5 - N * 8;
    let mut filled = 0;
    for (index, character) in text.bytes().enumerate() {
        let digit = u32::try_from(position(character.to_ascii_uppercase())?).ok()?;
        window = (window << 5) | digit;
        filled += 5;
        if index == 0 {
            if digit >> (5 - padding) != 0 {
                return None;
            }
            filled -= padding;
        }
        if filled >= 8 {
            filled -= 8;
            *out.next()? = u8::try_from((window >> filled) & 255).ok()?;
        }
        window &= (1 << filled) - 1;
    }
    Some(bytes)
}

fn position(character: u8) -> Option<usize> {
    ALPHABET.iter().position(|digit| *digit == character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sixteen_bytes_read_as_a_canonical_ulid() {
        // The ULID specification's largest value.
        assert_eq!(encode(&[0xFF; 16]), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(decode::<16>("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), None, "overflow");
        assert_eq!(decode::<16>("7ZZ"), None);
        assert_eq!(decode::<16>("UZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_and_keeps_its_order(a: [u8; 32], b: [u8; 32], c: [u8; 16]) {
            prop_assert_eq!(decode::<32>(&encode(&a)), Some(a));
            prop_assert_eq!(decode::<16>(&encode(&c)), Some(c));
            prop_assert_eq!(a.cmp(&b), encode(&a).cmp(&encode(&b)));
        }
    }
}

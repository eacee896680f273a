//! ASN.1 as far as key files need it: ITU-T X.690, tags of one byte.

use zeroize::Zeroizing;

/// No file nests this deep; one that does is made to exhaust the stack.
const MAX_DEPTH: u32 = 32;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, primitive and constructed.
pub(crate) const CONTEXT_0: u8 = 0x80;
pub(crate) const CONTEXT_0_OF: u8 = 0xa0;

const CONSTRUCTED: u8 = 0x20;
const LONG_TAG: u8 = 0x1f;
const INDEFINITE: u8 = 0x80;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// Not ASN.1, not whole, or not what was expected at this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The first element of `input` with every length definite and every octet string in one piece, as
/// DER has it. Files of NSS (Firefox) and older Java are BER. What follows the element is dropped.
pub(crate) fn definite(input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let mut out = Zeroizing::new(Vec::with_capacity(input.len()));
    copy(input, MAX_DEPTH, &mut out)?;
    Ok(out)
}

/// Copies the first element, and returns what follows it.
fn copy<'a>(input: &'a [u8], depth: u32, out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let (tag, length, rest) = head(input)?;
    if tag & CONSTRUCTED == 0 {
        let (value, rest) = split(rest, length.ok_or(Malformed)?)?;
        write(tag, value, out);
        return Ok(rest);
    }
    let mut parts = Zeroizing::new(Vec::new());
    let after = if let Some(length) = length {
        let (mut inner, after) = split(rest, length)?;
        while !inner.is_empty() {
            inner = copy(inner, depth, &mut parts)?;
        }
        after
    } else {
        let mut inner = rest;
        loop {
            if let Some(after) = inner.strip_prefix(&END_OF_CONTENTS) {
                break after;
            }
            inner = copy(inner, depth, &mut parts)?;
        }
    };
    if tag == OCTET_STRING | CONSTRUCTED {
        let whole = join(&parts)?;
        write(OCTET_STRING, &whole, out);
    } else {
        write(tag, &parts, out);
    }
    Ok(after)
}

/// The values of consecutive octet strings, one after the other.
pub(crate) fn join(parts: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let mut read = Reader::new(parts);
    let mut whole = Zeroizing::new(Vec::with_capacity(parts.len()));
    while !read.is_empty() {
        whole.extend_from_slice(read.take(OCTET_STRING)?);
    }
    Ok(whole)
}

fn split(input: &[u8], length: usize) -> Result<(&[u8], &[u8]), Malformed> {
    input.split_at_checked(length).ok_or(Malformed)
}

/// Tag, length (`None` when indefinite), and what follows.
fn head(input: &[u8]) -> Result<(u8, Option<usize>, &[u8]), Malformed> {
    let (&tag, rest) = input.split_first().ok_or(Malformed)?;
    if tag & LONG_TAG == LONG_TAG {
        return Err(Malformed);
    }
    let (&first, rest) = rest.split_first().ok_or(Malformed)?;
    match first {
        0..INDEFINITE => Ok((tag, Some(usize::from(first)), rest)),
        INDEFINITE => Ok((tag, None, rest)),
        // No file is longer than four bytes can say.
        0x81..=0x84 => {
            let (bytes, rest) = split(rest, usize::from(first - INDEFINITE))?;
            let length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            Ok((tag, Some(length), rest))
        }
        _ => Err(Malformed),
    }
}

fn write(tag: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    let length = value.len().to_be_bytes();
    let first = length.iter().position(|byte| *byte != 0);
    let digits = first.and_then(|first| length.get(first..)).unwrap_or(&[0]);
    match digits {
        [short] if *short < INDEFINITE => out.push(*short),
        _ => {
            // At most eight digits.
            out.push(INDEFINITE | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(value);
}

/// One element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

/// Reads elements with definite lengths one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub(crate) fn element(&mut self) -> Result<Element<'a>, Malformed> {
        let (tag, length, rest) = head(self.0)?;
        let (value, after) = split(rest, length.ok_or(Malformed)?)?;
        let (whole, _) = split(self.0, self.0.len() - after.len())?;
        self.0 = after;
        Ok(Element { tag, value, whole })
    }

    /// The value of the next element, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element.value)
        } else {
            Err(Malformed)
        }
    }

    /// The elements inside the next one, which must have this tag.
    pub(crate) fn inside(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.take(tag).map(Self::new)
    }

    /// The next element, which must be an object identifier.
    pub(crate) fn oid(&mut self) -> Result<der::asn1::ObjectIdentifier, Malformed> {
        let bytes = self.take(OID)?;
        der::asn1::ObjectIdentifier::from_bytes(bytes).map_err(|_| Malformed)
    }

    /// The next element, which must be a whole number that fits.
    pub(crate) fn number(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(INTEGER)?;
        let negative = bytes.first().is_none_or(|first| first & 0x80 != 0);
        let digits = bytes.iter().skip_while(|byte| **byte == 0);
        if negative || digits.clone().count() > 4 {
            return Err(Malformed);
        }
        Ok(digits.fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ber_becomes_der_and_der_stays() {
        let der = [0x30, 0x07, 0x04, 0x03, 1, 2, 3, 0x05, 0x00];
        let cases: [&[u8]; 3] = [
            &der,
            // Indefinite, the string in two pieces, one of them with a long length.
            &[
                0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 1, 0x04, 0x81, 0x02, 2, 3, 0, 0, 0x05, 0, 0, 0,
            ],
            // Definite, the string in pieces, and a tail.
            &[
                0x30, 0x0b, 0x24, 0x07, 0x04, 0x02, 1, 2, 0x04, 0x01, 3, 0x05, 0x00, 9, 9,
            ],
        ];
        for ber in cases {
            assert_eq!(definite(ber).as_deref(), Ok(&der.to_vec()), "{ber:?}");
        }
        let long = [vec![0x04, 0x82, 0x01, 0x00], vec![7; 256]].concat();
        assert_eq!(definite(&long).as_deref(), Ok(&long));
        let cut = long.get(..200).unwrap();
        let deep = [0x30, 0x80].repeat(100);
        let bad: [&[u8]; 6] = [
            &[],
            &[0x30],
            &[0x30, 0x80, 0x05, 0x00],
            &[0x04, 0x80],
            cut,
            &deep,
        ];
        for bad in bad {
            assert_eq!(definite(bad), Err(Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn noise_is_no_panic_and_what_is_accepted_is_stable(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(once) = definite(&noise) {
                prop_assert_eq!(definite(&once), Ok(once));
            }
        }
    }
}

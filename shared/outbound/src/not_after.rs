//! When a certificate expires.
//!
//! rustls has checked the certificate but tells no date, and one date is all that is wanted here,
//! so these few lines stand in for an X.509 crate and the dozen it brings along. They only ever
//! see a certificate whose chain was verified, and must still not trip over any other bytes.

use domain::time::Timestamp;

/// ASN.1 tags, X.690 §8.1.2.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// One tag-length-value, and what follows it.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

/// `notAfter` in Unix seconds. RFC 5280 §4.1: Certificate { tbsCertificate { version?, serial,
/// signature, issuer, validity { notBefore, notAfter }, … } … }.
pub(crate) fn not_after(certificate: &[u8]) -> Option<u64> {
    let tbs = read(read(certificate)?.content)?;
    let first = read(tbs.content)?;
    // Version 1 certificates leave the version out; then the serial comes first.
    let serial = if first.tag == VERSION {
        read(first.rest)?
    } else {
        first
    };
    let signature = read(serial.rest)?;
    let issuer = read(signature.rest)?;
    let validity = read(issuer.rest)?;
    let not_before = read(validity.content)?;
    seconds(&read(not_before.rest)?)
}

/// X.690 §8.1.3: one length byte, or the count of length bytes that follow.
fn read(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, after_tag) = bytes.split_first()?;
    let (&first, after_first) = after_tag.split_first()?;
    let (length, after_length) = if first < 0x80 {
        (usize::from(first), after_first)
    } else {
        let (digits, after) = after_first.split_at_checked(usize::from(first & 0x7f))?;
        // Four bytes are 4 GiB; no certificate is, and a length cannot overflow below.
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        (
            digits
                .iter()
                .fold(0, |length, digit| (length << 8) | usize::from(*digit)),
            after,
        )
    };
    let (content, rest) = after_length.split_at_checked(length)?;
    Some(Element { tag, content, rest })
}

/// RFC 5280 §4.1.2.5: `YYMMDDHHMMSSZ` through 2049, `YYYYMMDDHHMMSSZ` from 2050.
fn seconds(time: &Element<'_>) -> Option<u64> {
    let text = std::str::from_utf8(time.content).ok()?;
    let digits = text.strip_suffix('Z')?;
    let (century, digits) = match (time.tag, digits.len()) {
        (UTC_TIME, 12) if digits >= "50" => ("19", digits),
        (UTC_TIME, 12) => ("20", digits),
        (GENERALIZED_TIME, 14) => digits.split_at_checked(2)?,
        _ => return None,
    };
    let part = |at: usize| digits.get(at..at + 2);
    let (year, month, day) = (part(0)?, part(2)?, part(4)?);
    let (hour, minute, second) = (part(6)?, part(8)?, part(10)?);
    let iso = format!("{century}{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    Timestamp::parse(&iso).map(Timestamp::seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn the_date_of_real_certificates_is_read() {
        let key = KeyPair::generate().unwrap();
        for ((year, month, day), expected) in [
            ((2026, 11, 23), 1_795_392_000),
            ((2049, 12, 31), 2_524_521_600),
            // From 2050 on the date is written in the longer form.
            ((2050, 1, 1), 2_524_608_000),
            ((9999, 12, 31), 253_402_214_400),
        ] {
            let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, month, day);
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(not_after(certificate.der()), Some(expected), "{year}");
        }
    }

    #[test]
    fn times_outside_the_standard_are_not_guessed() {
        for (tag, text, expected) in [
            (UTC_TIME, "500101000000Z", None),
            (UTC_TIME, "700101000001Z", Some(1)),
            (UTC_TIME, "2601010000Z", None),
            (UTC_TIME, "260101000000+0100", None),
            (UTC_TIME, "261301000000Z", None),
            (GENERALIZED_TIME, "19700101000000Z", Some(0)),
            (GENERALIZED_TIME, "260101000000Z", None),
            (0x16, "260101000000Z", None),
        ] {
            let element = Element {
                tag,
                content: text.as_bytes(),
                rest: &[],
            };
            assert_eq!(seconds(&element), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes: Vec<u8>, cut in 0usize..600, at in 0usize..600, value: u8,
        ) {
            let _ = not_after(&bytes);
            let signed = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
            let mut der = signed.cert.der().to_vec();
            if let Some(byte) = der.get_mut(at) {
                *byte = value;
            }
            der.truncate(cut);
            let _ = not_after(&der);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), long: bool) {
            let tag = if long { GENERALIZED_TIME } else { UTC_TIME };
            let _ = seconds(&Element { tag, content: text.as_bytes(), rest: &[] });
        }
    }
}

//! Files of every kind: what opens, and what is said of what does not.

use std::time::{Duration, Instant};

use credential::{Credential, MAX_FILE};
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use proptest::prelude::*;

use crate::made::{BUNDLE, PASSWORD, judged, refusals, rules};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name, ".p12")).as_slice()
    };
}

const UMLAUT: &str = "größe 🎺";

/// Files of OpenSSL with one certificate and key, and the warning about their cipher.
const GOOD: &[(&str, &[u8], &str, &[&str])] = &[
    (
        "RC2-40 and 3DES",
        fixture!("rc2-40-3des"),
        PASSWORD,
        &["old_cipher"],
    ),
    ("3DES", fixture!("3des"), PASSWORD, &["old_cipher"]),
    (
        "3DES, two keys",
        fixture!("two-key-3des"),
        PASSWORD,
        &["old_cipher"],
    ),
    ("RC2-128", fixture!("rc2-128"), PASSWORD, &["old_cipher"]),
    (
        "AES-256, SHA-256",
        fixture!("aes-256-sha-256"),
        PASSWORD,
        &[],
    ),
    (
        "AES-256, SHA-512",
        fixture!("aes-256-sha-512"),
        PASSWORD,
        &[],
    ),
    ("no MAC", fixture!("no-mac"), PASSWORD, &[]),
    ("unencrypted", fixture!("unencrypted"), PASSWORD, &[]),
    ("beyond ASCII", fixture!("umlaut"), UMLAUT, &[]),
    (
        "empty, terminated",
        fixture!("empty-terminated"),
        "",
        &["empty_password"],
    ),
    (
        "empty, no bytes",
        fixture!("empty-no-bytes"),
        "",
        &["empty_password", "old_cipher"],
    ),
];

#[test]
fn every_cipher_in_use_and_both_empty_passwords_open_and_show_the_same_certificate() {
    for (name, file, password, warnings) in GOOD {
        let judged = judged(file, password);
        assert_eq!(rules(&judged), (vec![], warnings.to_vec()), "{name}");
        let good = judged.unwrap();
        let facts = &good.facts;
        assert_eq!(facts.bundle_id.as_deref(), Some(BUNDLE), "{name}");
        assert_eq!(facts.team_id.as_deref(), Some("TEAM123456"), "{name}");
        assert_eq!(
            facts.topics,
            [
                BUNDLE,
                "com.example.app.voip",
                "com.example.app.complication"
            ],
            "{name}"
        );
        assert_eq!(facts.environments.len(), 2, "{name}");
        let Credential::ApnsCertificate(material) = &good.credential else {
            panic!("{name} is no certificate");
        };
        // The authority's certificate is only in the files of the command line.
        let chain = if *name == "empty, no bytes" { 1 } else { 2 };
        assert_eq!(material.chain.len(), chain, "{name}");
    }
}

#[test]
fn the_two_empty_passwords_are_not_the_same() {
    let opens = |file: &[u8]| KeyStore::from_pkcs12(file, "", Pkcs12ImportPolicy::Relaxed).is_ok();
    assert!(opens(fixture!("empty-terminated")));
    assert!(!opens(fixture!("empty-no-bytes")));
}

#[test]
fn a_wrong_password_is_told_apart_from_everything_else() {
    for (name, file, _, _) in GOOD {
        // Nothing in it asks for the password but the MAC.
        let told = refusals(&judged(file, "battery staple"));
        assert_eq!(told, ["wrong_password"], "{name}");
    }
    let told = refusals(&judged(fixture!("3des"), ""));
    assert_eq!(told, ["wrong_password"]);
    let told = refusals(&judged(fixture!("3des"), &"x".repeat(2000)));
    assert_eq!(told, ["wrong_password"]);
}

#[test]
fn a_cipher_that_cannot_be_read_is_named() {
    for (file, cipher) in [(fixture!("rc4"), "RC4-128"), (fixture!("aria"), "PBES2")] {
        // Whatever the password.
        for password in [PASSWORD, "battery staple"] {
            let judged = judged(file, password);
            assert_eq!(refusals(&judged), ["unsupported_cipher"]);
            let told = judged.unwrap_err()[0].to_string();
            assert!(told.contains(cipher), "{told}");
        }
    }
}

/// Its seal, its certificates and its key cost as many as are allowed.
#[test]
fn a_million_iterations_for_each_part_are_counted_in_bounded_time() {
    let began = Instant::now();
    let good = judged(fixture!("iterations"), PASSWORD);
    assert!(good.is_ok(), "{good:?}");
    // Half a second of one core; more only where the machine is busy.
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_iteration_more_is_refused_without_being_counted() {
    const MILLION: [u8; 3] = [0x0f, 0x42, 0x40];
    let file = fixture!("iterations");
    let certificates = file.windows(3).position(|bytes| bytes == MILLION);
    let seal = file.windows(3).rposition(|bytes| bytes == MILLION);
    for at in [certificates.unwrap(), seal.unwrap()] {
        let began = Instant::now();
        let mut file = file.to_vec();
        file[at + 2] += 1;
        let told = judged(&file, PASSWORD);
        assert_eq!(refusals(&told), ["too_many_iterations"], "at {at}");
        let said = told.unwrap_err()[0].to_string();
        assert!(said.contains("1000000"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn what_is_cut_off_is_damaged_and_what_is_something_else_is_no_p12() {
    let whole = fixture!("aes-256-sha-256");
    for length in (1..whole.len()).step_by(61) {
        assert_eq!(
            refusals(&judged(&whole[..length], PASSWORD)),
            ["damaged"],
            "{length}"
        );
    }
    let certificate = crate::made::Spec::default().make().0;
    let others: [&[u8]; 5] = [
        b"",
        b"-----BEGIN CERTIFICATE-----\nMIIB",
        b"PK\x03\x04",
        &certificate,
        &[0x30, 0x03, 0x02, 0x01, 0x03],
    ];
    for other in others {
        assert_eq!(refusals(&judged(other, PASSWORD)), ["not_p12"], "{other:?}");
    }
}

#[test]
fn noise_of_the_largest_size_is_refused_at_once_and_more_is_not_looked_at() {
    let began = Instant::now();
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(MAX_FILE)
    .collect();
    let nested = [0x30, 0x80].repeat(MAX_FILE / 2);
    for (file, expected) in [
        (noise.clone(), "not_p12"),
        ([&[0x30, 0x82, 0xff, 0xfb], &noise[4..]].concat(), "damaged"),
        (nested, "damaged"),
        ([noise, vec![0]].concat(), "too_large"),
    ] {
        assert_eq!(refusals(&judged(&file, PASSWORD)), [expected]);
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn ber_is_read_like_der() {
    for (name, file, password, _) in GOOD {
        let loose = loosened(file, false);
        assert_ne!(&loose, file);
        let told = judged(&loose, password).map(|good| good.facts.fingerprint);
        let expected = judged(file, password).map(|good| good.facts.fingerprint);
        assert_eq!(told, expected, "{name}");
    }
    // With the MAC gone, what it covers may be loose too: the encrypted parts in pieces.
    let file = without_mac(fixture!("aes-256-sha-256"));
    let expected = judged(&file, PASSWORD).unwrap().facts.fingerprint;
    let loose = loosened(&file, true);
    assert_eq!(
        judged(&loose, PASSWORD).unwrap().facts.fingerprint,
        expected
    );
    assert_eq!(
        refusals(&judged(&loose, "battery staple")),
        ["wrong_password"]
    );
}

proptest! {
    #[test]
    fn one_wrong_byte_is_no_panic_and_opens_nothing_else(at in any::<prop::sample::Index>(), byte: u8) {
        let mut file = fixture!("3des").to_vec();
        let at = at.index(file.len());
        file[at] = byte;
        if let Ok(good) = judged(&file, PASSWORD) {
            prop_assert_eq!(good.facts.bundle_id.as_deref(), Some(BUNDLE));
        }
    }
}

/// Tag, value and what follows of a DER element.
fn split(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (start, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let digits = usize::from(long & 0x7f);
            let bytes = &der[2..2 + digits];
            (
                2 + digits,
                bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            )
        }
    };
    (der[0], &der[start..start + length], &der[start + length..])
}

/// Every length indefinite, every long octet string in pieces of 100 bytes; `within`, also the
/// element that the first octet string holds, and encrypted contents.
fn loosened(der: &[u8], within: bool) -> Vec<u8> {
    let (tag, value, rest) = split(der);
    let pieces = |tag: u8, value: &[u8]| {
        let pieces = value.chunks(100).flat_map(|piece| {
            let length = u8::try_from(piece.len()).unwrap();
            [&[0x04, length], piece].concat()
        });
        [vec![tag, 0x80], pieces.collect(), vec![0, 0]].concat()
    };
    match tag {
        0x04 if within && value.first() == Some(&0x30) && value.len() > 1000 => {
            pieces(0x24, &loosened(value, true))
        }
        0x04 if value.len() > 100 => pieces(0x24, value),
        0x80 if value.len() > 100 => pieces(0xa0, value),
        _ if tag & 0x20 != 0 => {
            let mut inner = Vec::new();
            let mut left = value;
            while !left.is_empty() {
                let (_, _, rest) = split(left);
                inner.extend(loosened(&left[..left.len() - rest.len()], within));
                left = rest;
            }
            [vec![tag, 0x80], inner, vec![0, 0]].concat()
        }
        _ => der[..der.len() - rest.len()].to_vec(),
    }
}

fn without_mac(file: &[u8]) -> Vec<u8> {
    let (_, version_and_rest, _) = split(file);
    let (_, _, after_version) = split(version_and_rest);
    let (_, _, mac) = split(after_version);
    let kept = &version_and_rest[..version_and_rest.len() - mac.len()];
    let length = u16::try_from(kept.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82], length.as_slice(), kept].concat()
}

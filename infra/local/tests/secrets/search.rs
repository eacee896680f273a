//! Looking for secrets in whatever form they may have slipped out.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// So many bytes of a key in a row are no coincidence, and a line break or a cut leaves as many.
const BYTES: usize = 8;
/// The same for its base64 and hexadecimal digits.
const DIGITS: usize = 16;

/// Secrets to look for.
#[derive(Default)]
pub(crate) struct Search {
    /// What gives a secret away, and which it is, by length.
    fragments: HashMap<usize, HashMap<Vec<u8>, String>>,
}

impl Search {
    /// Any piece of a key: as it is, in base64 of either alphabet wherever its groups begin, in
    /// hexadecimal.
    pub(crate) fn key(&mut self, name: &str, key: &[u8]) {
        self.pieces(name, key, BYTES);
        for text in written(key) {
            self.pieces(name, text.as_bytes(), DIGITS);
        }
    }

    /// A text, whole: as it is, in the two bytes a character of a .p12 file, and both encoded.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes(), &wide] {
            self.pieces(name, bytes, bytes.len());
            for text in written(bytes) {
                self.pieces(name, text.as_bytes(), text.len());
            }
        }
    }

    fn pieces(&mut self, name: &str, whole: &[u8], length: usize) {
        assert!(whole.len() >= length && length >= BYTES, "{name} is short");
        let known = self.fragments.entry(length).or_default();
        for piece in whole.windows(length) {
            known.insert(piece.to_vec(), name.to_owned());
        }
    }

    /// The name of a secret that is in there, and where.
    pub(crate) fn find(&self, place: &[u8]) -> Option<(&str, usize)> {
        self.fragments.iter().find_map(|(length, known)| {
            // Most pieces begin otherwise than all secrets: told by a table they cost little.
            let mut begins = vec![false; 1 << 16];
            let beginning = |piece: &[u8]| usize::from(piece[0]) << 8 | usize::from(piece[1]);
            for piece in known.keys() {
                begins[beginning(piece)] = true;
            }
            let pieces = place.windows(*length).enumerate();
            let mut likely = pieces.filter(|(_, piece)| begins[beginning(piece)]);
            likely.find_map(|(at, piece)| Some((known.get(piece)?.as_str(), at)))
        })
    }
}

/// How bytes are written as text.
fn written(bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for before in 0..3 {
        // Whatever is encoded before them moves them within base64's groups of three bytes. The
        // digits at both ends hold bits of what is beside them.
        let mut moved = vec![0; before];
        moved.extend(bytes);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&moved);
            texts.push(text[(before * 8).div_ceil(6)..moved.len() * 8 / 6].to_owned());
        }
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    texts.push(hex.to_uppercase());
    texts.push(hex);
    texts
}

/// The search is worth nothing unless it finds what is there.
#[test]
fn a_key_is_found_in_every_form() {
    let key: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(151) ^ 0x5a).collect();
    let mut search = Search::default();
    search.key("key", &key);
    search.text("password", "correct horse");
    let around = |before: usize| [&b"beginning"[..before], &key, b"end"].concat();
    let mut places = vec![
        key.clone(),
        key[9..20].to_vec(),
        b"{\"password\":\"correct horse\"}".to_vec(),
        STANDARD_NO_PAD.encode("the correct horse").into_bytes(),
        b"\0c\0o\0r\0r\0e\0c\0t\0 \0h\0o\0r\0s\0e\0\0".to_vec(),
    ];
    for before in 0..4 {
        let whole = around(before);
        places.push(STANDARD_NO_PAD.encode(&whole).into_bytes());
        places.push(URL_SAFE_NO_PAD.encode(&whole).into_bytes());
        places.push(
            whole
                .iter()
                .flat_map(|b| format!("{b:02X}").into_bytes())
                .collect(),
        );
        places.push(
            whole
                .iter()
                .flat_map(|b| format!("{b:02x}").into_bytes())
                .collect(),
        );
        // A line of PEM, as JSON writes it.
        let text = STANDARD_NO_PAD.encode(&whole);
        let (line, next) = text.split_at(20);
        places.push(format!("{line}\\n{next}").into_bytes());
    }
    for (n, place) in places.iter().enumerate() {
        let place = [b"text before ", &place[..], b" and after"].concat();
        assert!(
            search.find(&place).is_some(),
            "{n}: {}",
            String::from_utf8_lossy(&place)
        );
    }
    assert_eq!(search.find(&[7; 1000]), None);
    assert_eq!(search.find(b"correct  horse, and nothing else of it"), None);
}

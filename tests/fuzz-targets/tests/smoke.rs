//! Every target on its corpus and on many small changes to it, the same ones each time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use fuzz_targets::TARGETS;

/// Inputs tried per target.
const INPUTS: usize = 100_000;

/// Longest input: what breaks a parser hardly ever needs more.
const LONGEST: usize = 4_096;

/// Pieces that mean something to one of the parsers.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-0",
    "1e400",
    "0.1e-7",
    "18446744073709551616",
    "\u{FFFE}",
    "\u{202E}",
    "\u{AD}",
    "。",
    "①",
    "%2e",
    "%00",
    "0x7f",
    "127.1",
    "::ffff:",
    "@",
    "#",
    "?token=",
    "https://",
    "http://",
    "whsec_",
    "whsk_",
    "$or",
    "anything-but",
    "wildcard",
    "*",
    "ours",
    "resent",
    "repeated",
];

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn change(rng: &mut fastrand::Rng, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let at = rng.usize(0..=input.len());
    let end = (at + rng.usize(0..16)).min(input.len());
    match rng.u8(0..7) {
        0 => drop(input.drain(at..end)),
        1 => {
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
        2 => input.insert(at, rng.u8(..)),
        3 if at < input.len() => input[at] ^= 1 << rng.u8(0..8),
        4 => {
            let other = rng.choice(corpus).unwrap();
            let from = rng.usize(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let piece = rng.choice(PIECES).unwrap();
            input.splice(at..end, piece.bytes());
        }
    }
    input.truncate(LONGEST);
}

#[test]
fn no_input_makes_a_parser_break_its_word() {
    for (name, run) in TARGETS {
        let corpus = corpus(name);
        assert!(
            corpus.len() >= 5,
            "{name} has hardly anything to begin with"
        );
        corpus.iter().for_each(|input| run(input));
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..INPUTS {
            let mut input = rng.choice(&corpus).unwrap().clone();
            for _ in 0..rng.usize(1..6) {
                change(&mut rng, &mut input, &corpus);
            }
            let broken = catch_unwind(|| run(&input));
            assert!(
                broken.is_ok(),
                "{name}: {:?}",
                String::from_utf8_lossy(&input)
            );
        }
    }
}

#[test]
fn the_fuzzer_has_a_program_for_each_target() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#![doc = include_str!("../README.md")]
// A broken promise must stop the fuzzer where it breaks.
#![expect(clippy::expect_used, reason = "see above")]

mod event;
mod filter;
mod message;
mod secret;
mod url;

/// One parser's test: any bytes in, a panic when the parser breaks its word.
pub type Run = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Run); 5] = [
    ("url", url::run),
    ("filter", filter::run),
    ("secret", secret::run),
    ("event", event::run),
    ("message", message::run),
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Run> {
    let mut targets = TARGETS.iter();
    targets
        .find(|(known, _)| *known == name)
        .map(|(_, run)| *run)
}

/// Parsers are handed text; what is not text is refused before them.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

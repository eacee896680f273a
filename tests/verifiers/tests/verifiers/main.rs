#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

mod harness;
mod key_pair;
mod languages;

use serde::Deserialize;
use standardwebhooks::Webhook;
use std::collections::BTreeMap;

use crate::harness::{Case, cases};

/// What the libraries of one language say of one case.
#[derive(Debug, Deserialize)]
struct Said {
    name: String,
    libraries: BTreeMap<String, bool>,
    /// Whether `x-amity-signature` is what a social.plus receiver computes.
    amity: bool,
}

/// Rust's two libraries, asked the same way.
fn rust(cases: &[Case]) -> Vec<Said> {
    let said = |case: &Case| {
        let (headers, body) = (case.header_map(), case.body.as_bytes());
        let ours = Webhook::new(&case.secret).unwrap().verify(body, &headers);
        let svix = svix::webhooks::Webhook::new(&case.secret).unwrap();
        Said {
            name: case.name.clone(),
            libraries: BTreeMap::from([
                ("standardwebhooks".to_owned(), ours.is_ok()),
                ("svix".to_owned(), svix.verify(body, &headers).is_ok()),
            ]),
            amity: case.amity,
        }
    };
    cases.iter().map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_libraries_that_receivers_use_accept_what_is_ours_and_nothing_else() {
    let cases = cases().await;
    assert!(cases.iter().any(|case| !case.genuine) && cases.len() > 15);
    let input = serde_json::to_string(&cases).unwrap();
    for (language, said) in [
        ("Rust", rust(&cases)),
        ("Python", languages::python(&input)),
        ("JavaScript", languages::node(&input)),
    ] {
        assert_eq!(said.len(), cases.len(), "{language}");
        for (case, said) in cases.iter().zip(&said) {
            assert_eq!(said.name, case.name, "{language}");
            let expected = ["standardwebhooks", "svix"].map(|name| (name.to_owned(), case.genuine));
            assert_eq!(
                said.libraries,
                BTreeMap::from(expected),
                "{language}: {}",
                case.name
            );
            assert_eq!(said.amity, case.amity, "{language}: {}", case.name);
        }
    }
}

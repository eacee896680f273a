//! The libraries of other languages, installed at first use.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::{node_modules, python_with};

use crate::Said;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// What the Python libraries say of the cases.
pub(crate) fn python(cases: &str) -> Vec<Said> {
    let here = Path::new(HERE).join("python");
    let python = python_with(&here.join("requirements.txt"), &place("python"));
    said(Command::new(python).arg(here.join("verify.py")), cases)
}

/// What the JavaScript libraries say of the cases.
pub(crate) fn node(cases: &str) -> Vec<Said> {
    let (here, place) = (Path::new(HERE).join("node"), place("node"));
    node_modules(&here, &place);
    let script = place.join("verify.mjs");
    std::fs::copy(here.join("verify.mjs"), &script).unwrap();
    said(Command::new("node").arg(script), cases)
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("../verifiers")
        .join(name)
}

fn said(command: &mut Command, cases: &str) -> Vec<Said> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(cases.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

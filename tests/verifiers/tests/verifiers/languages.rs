//! The libraries of other languages, installed at first use.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Said;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// What the Python libraries say of the cases.
pub(crate) fn python(cases: &str) -> Vec<Said> {
    let wanted = format!("{HERE}/python/requirements.txt");
    let place = installed("python", &wanted, |place| {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(place));
        let pip = place.join("bin/python");
        run(Command::new(pip).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "-r",
            &wanted,
        ]));
    });
    let script = format!("{HERE}/python/verify.py");
    said(Command::new(place.join("bin/python")).arg(script), cases)
}

/// What the JavaScript libraries say of the cases.
pub(crate) fn node(cases: &str) -> Vec<Said> {
    let wanted = format!("{HERE}/node/package-lock.json");
    let place = installed("node", &wanted, |place| {
        std::fs::create_dir_all(place).unwrap();
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(format!("{HERE}/node/{file}"), place.join(file)).unwrap();
        }
        let flags = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
        run(Command::new("npm").args(flags).current_dir(place));
    });
    // Modules are looked for from where the script is.
    let script = place.join("verify.mjs");
    std::fs::copy(format!("{HERE}/node/verify.mjs"), &script).unwrap();
    said(Command::new("node").arg(script), cases)
}

/// The folder below `target` that holds what `wanted` lists. A copy of the list in it says that it
/// is complete.
fn installed(name: &str, wanted: &str, install: impl Fn(&Path)) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("../verifiers")
        .join(name);
    let done = place.join("installed");
    let wanted = std::fs::read_to_string(wanted).unwrap();
    if std::fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return place;
    }
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    install(&place);
    std::fs::write(done, wanted).unwrap();
    place
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {printed}");
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

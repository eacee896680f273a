//! Libraries of other languages, installed at their first use. Where they cannot be had, a test that
//! asks them fails.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A Python interpreter in `place` that has exactly what the file `requirements` lists.
#[must_use]
pub fn python_with(requirements: &Path, place: &Path) -> PathBuf {
    let interpreter = place.join("bin/python");
    once(requirements, place, || {
        output(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(place),
        );
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "-r"];
        output(Command::new(&interpreter).args(pip).arg(requirements));
    });
    interpreter
}

/// Installs into `place` what the `package-lock.json` of `folder` lists. Node looks for modules from
/// where a script lies, so scripts must be copied into `place`.
pub fn node_modules(folder: &Path, place: &Path) {
    once(&folder.join("package-lock.json"), place, || {
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(folder.join(file), place.join(file)).unwrap();
        }
        let npm = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
        output(Command::new("npm").args(npm).current_dir(place));
    });
}

/// What the command prints on its standard output.
///
/// # Panics
/// When it cannot be started or fails.
pub fn output(command: &mut Command) -> String {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = |stream: &[u8]| String::from_utf8_lossy(stream).into_owned();
    let (told, complaint) = (printed(&output.stdout), printed(&output.stderr));
    assert!(output.status.success(), "{command:?}: {told}{complaint}");
    told
}

/// Fills `place`, unless it was filled for the same list: a copy of it there says that it is complete.
fn once(wanted: &Path, place: &Path, install: impl Fn()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _others_wait = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let done = place.join("installed");
    let wanted = std::fs::read_to_string(wanted).unwrap();
    if std::fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return;
    }
    std::fs::create_dir_all(place).unwrap();
    install();
    std::fs::write(done, wanted).unwrap();
}

//! The repository's files and manifests.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of the folders in a folder, sorted.
pub fn folders(path: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(path))
        .unwrap()
        .map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Rust files under a folder of the repository, with their text. Empty if there is no such folder.
pub fn sources(path: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(path)];
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                waiting.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push((entry, text));
            }
        }
    }
    found.sort();
    found
}

/// One crate of the workspace.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    /// Relative to the root, e.g. `shared/store`.
    pub folder: String,
    /// Every dependency but those of tests.
    pub dependencies: Vec<String>,
    pub test_dependencies: Vec<String>,
}

pub fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let base = format!("{}/", metadata["workspace_root"].as_str().unwrap());
    let package = |package: &Value| {
        let manifest = package["manifest_path"].as_str().unwrap();
        let folder = manifest
            .strip_prefix(&base)
            .unwrap()
            .strip_suffix("/Cargo.toml")
            .unwrap();
        let (test, other): (Vec<&Value>, Vec<&Value>) = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .partition(|edge| edge["kind"] == "dev");
        let names = |edges: Vec<&Value>| {
            edges
                .iter()
                .map(|edge| edge["name"].as_str().unwrap().into())
                .collect()
        };
        Package {
            name: package["name"].as_str().unwrap().into(),
            folder: folder.into(),
            dependencies: names(other),
            test_dependencies: names(test),
        }
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(package)
        .collect()
}

/// Folders of a crate and of all crates of ours that it is built from.
pub fn built_from(name: &str) -> Vec<String> {
    let packages = packages();
    let mut folders = Vec::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(name) = waiting.pop() {
        let Some(package) = packages.iter().find(|package| package.name == name) else {
            continue;
        };
        if !folders.contains(&package.folder) {
            folders.push(package.folder.clone());
            waiting.extend(package.dependencies.iter().cloned());
        }
    }
    folders
}

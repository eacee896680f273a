//! The workspace's own rules: who may depend on whom, and what each crate brings.

use crate::workspace::{self, Package, packages};

/// A function never depends on a function, not even in tests: each is deployed alone.
#[test]
fn functions_do_not_depend_on_functions() {
    let packages = packages();
    let functions: Vec<_> = in_folder(&packages, "functions/")
        .map(|package| &package.name)
        .collect();
    for package in in_folder(&packages, "functions/").chain(in_folder(&packages, "shared/")) {
        let mut edges = package
            .dependencies
            .iter()
            .chain(&package.test_dependencies);
        assert!(
            !edges.any(|name| functions.contains(&name)),
            "{} depends on a function",
            package.name
        );
    }
}

/// The root manifest lists the shared crates from pure to impure.
#[test]
fn shared_crates_depend_only_on_those_listed_above_them() {
    let manifest = workspace::read("Cargo.toml");
    let order: Vec<_> = manifest
        .lines()
        .filter(|line| line.contains("path = \"shared/"))
        .collect();
    let order: Vec<_> = order
        .iter()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    let rank = |name: &str| order.iter().position(|listed| *listed == name);
    let packages = packages();
    let mut seen = 0;
    for package in in_folder(&packages, "shared/").filter(|package| package.name != "testkit") {
        seen += 1;
        let own = rank(&package.name).unwrap_or_else(|| panic!("{} is not listed", package.name));
        for dependency in &package.dependencies {
            let allowed = rank(dependency).is_none_or(|other| other < own);
            assert!(
                allowed,
                "{} depends on {dependency}, listed below it",
                package.name
            );
        }
    }
    assert_eq!(seen + 1, order.len(), "testkit, or a folder without a line");
}

/// Storage, secrets, queue and network know nothing of each other; functions bring them together.
#[test]
fn the_outsides_do_not_know_each_other() {
    const OUTSIDES: [&str; 4] = ["store", "vault", "queue", "outbound"];
    for package in packages()
        .iter()
        .filter(|package| OUTSIDES.contains(&package.name.as_str()))
    {
        let known: Vec<_> = package
            .dependencies
            .iter()
            .filter(|name| OUTSIDES.contains(&name.as_str()))
            .collect();
        assert!(known.is_empty(), "{} depends on {known:?}", package.name);
    }
}

/// `testkit` and the local emulation are never deployed.
#[test]
fn what_is_for_tests_or_for_one_machine_is_not_deployed() {
    for function in workspace::folders("functions") {
        for folder in workspace::built_from(&function) {
            let deployed = folder.starts_with("functions/")
                || folder.starts_with("shared/") && folder != "shared/testkit";
            assert!(deployed, "{function} is built from {folder}");
        }
    }
}

/// The domain is pure: no I/O, no AWS, no clock, no randomness.
#[test]
fn the_domain_cannot_do_io() {
    const OUTSIDE: [&str; 8] = [
        "tokio",
        "hyper",
        "reqwest",
        "rustls",
        "fastrand",
        "getrandom",
        "rand",
        "lambda_runtime",
    ];
    let packages = packages();
    let domain = packages
        .iter()
        .find(|package| package.name == "domain")
        .unwrap();
    let impure = domain
        .dependencies
        .iter()
        .find(|name| OUTSIDE.contains(&name.as_str()) || name.starts_with("aws"));
    assert_eq!(impure, None);
}

#[test]
fn only_main_knows_the_lambda_runtime() {
    for (path, text) in workspace::sources("functions") {
        let main = path.ends_with("src/main.rs");
        assert!(
            main || !text.contains("lambda_runtime"),
            "{}",
            path.display()
        );
        assert!(
            !main || text.lines().count() <= 30,
            "{} does more than start",
            path.display()
        );
    }
}

#[test]
fn each_crate_has_a_readme() {
    for package in packages() {
        let readme = workspace::read(&format!("{}/README.md", package.folder));
        assert!(
            readme.lines().count() >= 3,
            "{} says too little",
            package.folder
        );
    }
}

#[test]
fn each_crate_is_under_the_workspace_lints() {
    for package in packages() {
        let manifest = workspace::read(&format!("{}/Cargo.toml", package.folder));
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{}",
            package.folder
        );
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for folder in ["functions", "shared", "infra"] {
        let sources = workspace::sources(folder).into_iter();
        // A list of cases may be as long as it needs to be. The root's own path says nothing of that.
        let product = sources.filter(|(path, _)| {
            let path = path.strip_prefix(workspace::root()).unwrap();
            let mut parts = path.components();
            !parts.any(|part| {
                ["tests", "tests.rs"]
                    .iter()
                    .any(|tests| part.as_os_str() == *tests)
            })
        });
        for (path, text) in product {
            let lines = text.lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
        }
    }
}

/// cargo-lambda builds with `panic = "abort"` unless the root manifest says otherwise; then one
/// record's panic would end its whole batch.
#[test]
fn a_panic_unwinds() {
    let manifest = workspace::read("Cargo.toml");
    let (_, release) = manifest.split_once("[profile.release]").unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(release.lines().any(|line| line == "panic = \"unwind\""));
}

/// A function is built without the others, and without what their dependencies switch on in a
/// library. Tests of the whole workspace have all of it, so they would not see this missing.
#[test]
fn every_function_reads_long_numbers_alike() {
    let manifest = workspace::read("Cargo.toml");
    let mut lines = manifest.lines();
    let json = lines
        .find(|line| line.starts_with("serde_json = "))
        .unwrap();
    assert!(json.contains("\"float_roundtrip\""), "{json}");
}

fn in_folder<'a>(
    packages: &'a [Package],
    folder: &'static str,
) -> impl Iterator<Item = &'a Package> {
    packages
        .iter()
        .filter(move |package| package.folder.starts_with(folder))
}

/// Whoever wants to be told of it must find its name.
#[test]
fn the_readme_names_all_news() {
    let (source, readme) = (
        workspace::read("shared/domain/src/operational.rs"),
        workspace::read("README.md"),
    );
    let (list, _) = source.split_once("\n];").unwrap();
    let texts = list.split('"').skip(1).step_by(2);
    let names: Vec<_> = texts
        .filter(|text| !text.contains(' ') && text.contains('.'))
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

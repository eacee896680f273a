//! A demo, and everything it showed and stored.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_local::Embedded;
use local::Location;
use runtime::{Aws, Clock};
use tempfile::TempDir;

/// Only these may hold secrets.
const SECRETS: &str = "secrets.db";

pub(crate) struct Demo {
    directory: TempDir,
    /// Of every call of the API, as `METHOD /path answered STATUS body`.
    pub(crate) answers: String,
    /// Everything else on standard error.
    pub(crate) log: String,
    report: Vec<u8>,
}

impl Demo {
    pub(crate) fn run(args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (data, kept) = (path("data"), path("kept"));
        fs::create_dir(&kept).unwrap();
        let mut running = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .args(["demo", "--json", "--verbose", "--data"])
            .arg(&data)
            .args(args)
            .stdin(Stdio::null())
            .stdout(File::create(path("stdout")).unwrap())
            .stderr(File::create(path("stderr")).unwrap())
            .spawn()
            .unwrap();
        let status = loop {
            keep_logs(&data, &kept);
            if let Some(status) = running.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let (report, shown) = (fs::read(path("stdout")).unwrap(), path("stderr"));
        let shown = fs::read_to_string(shown).unwrap();
        assert!(status.success(), "{shown}");
        let (answers, log): (Vec<_>, Vec<_>) =
            shown.lines().partition(|line| line.contains(" answered "));
        Self {
            answers: answers.join("\n"),
            log: log.join("\n"),
            directory,
            report,
        }
    }

    /// What may be looked at by others: each with its name.
    pub(crate) async fn places(&self) -> Vec<(String, Vec<u8>)> {
        let named = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
        let mut places = vec![
            named("answers", self.answers.as_bytes()),
            named("log", self.log.as_bytes()),
            named("report", &self.report),
            named("rows", self.rows().await.as_bytes()),
        ];
        for folder in ["data", "kept"] {
            for file in fs::read_dir(self.directory.path().join(folder)).unwrap() {
                let path = file.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                if !name.starts_with(SECRETS) {
                    places.push((name, fs::read(path).unwrap()));
                }
            }
        }
        places
    }

    pub(crate) fn secrets_store(&self) -> Vec<u8> {
        fs::read(self.directory.path().join("data").join(SECRETS)).unwrap()
    }

    /// All items of the table, without SQLite around them.
    async fn rows(&self) -> String {
        let table = self.stored().dynamodb();
        let names = table.list_tables().send().await.unwrap();
        let mut rows = String::new();
        for name in names.table_names() {
            let mut pages = table.scan().table_name(name).into_paginator().send();
            while let Some(page) = pages.next().await {
                rows += &format!("{:?}\n", page.unwrap().items());
            }
        }
        rows
    }

    /// The secrets whose names have this in them.
    pub(crate) async fn secrets(&self, part: &str) -> Vec<String> {
        let store = self.stored().secretsmanager();
        let listed = store.list_secrets().send().await.unwrap();
        let names = listed.secret_list().iter().filter_map(|one| one.name());
        let mut secrets = Vec::new();
        for name in names.filter(|name| name.contains(part)) {
            let secret = store.get_secret_value().secret_id(name).send().await;
            secrets.push(secret.unwrap().secret_string().unwrap().to_owned());
        }
        secrets
    }

    fn stored(&self) -> Aws {
        let data = Location::Directory(self.directory.path().join("data"));
        let clock = Clock::system();
        let embedded = Embedded::open(data, Arc::new(move || clock.now().millis())).unwrap();
        Aws::over(embedded.http_client())
    }
}

/// Holds on to the write-ahead logs, which SQLite deletes at the end: whatever was ever written is in
/// them, like a message that is deleted by now.
fn keep_logs(data: &Path, kept: &Path) {
    let Ok(files) = fs::read_dir(data) else {
        return;
    };
    for file in files.flatten() {
        let name = file.file_name();
        if name.to_string_lossy().ends_with("-wal") && !kept.join(&name).exists() {
            // Gone between the look and the link, it was never written to.
            drop(fs::hard_link(file.path(), kept.join(name)));
        }
    }
}

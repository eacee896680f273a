//! `fanfare demo --push`: the whole story of pushes, on simulated phones.

mod credential;
mod report;
mod stage;
mod story;

use std::process::ExitCode;

pub use credential::P12_PASSWORD;

use crate::cli::DemoArgs;
use crate::console::{self, say, tell};

/// Runs it. It fails when a push is missing, or a chapter ends otherwise than it should.
pub(crate) async fn run(args: DemoArgs) -> ExitCode {
    let report = match story::run(&args).await {
        Ok(report) => report,
        Err(error) => return console::fail(&error),
    };
    say(&if args.json {
        report.to_json()
    } else {
        report.to_table()
    });
    match report.complaint() {
        None => ExitCode::SUCCESS,
        Some(complaint) => {
            tell(&format!("fanfare: {complaint}"));
            ExitCode::FAILURE
        }
    }
}

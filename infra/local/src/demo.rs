//! `fanfare demo`: events in, verified webhooks out, counted.

pub(crate) mod figures;
mod payload;
mod producer;
mod receiver;
mod report;
mod run;
mod tally;

use std::process::ExitCode;

use crate::cli::DemoArgs;
use crate::console::{self, say, tell};

/// Runs the demo. It fails when a delivery is missing, doubted or double.
pub(crate) async fn run(args: DemoArgs) -> ExitCode {
    let json = args.json;
    let report = match run::run(&args).await {
        Ok(report) => report,
        Err(error) => return console::fail(&error),
    };
    say(&if json {
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

//! `fanfare demo`: events in, verified webhooks out, counted.

pub(crate) mod figures;
mod payload;
mod producer;
mod receiver;
mod report;
mod run;
mod tally;

use std::process::ExitCode;

use aws_local::Location;

use crate::cli::DemoArgs;
use crate::console::{self, Verbosity, live_log, say, tell};
use crate::{Options, StartError};

impl DemoArgs {
    pub(crate) fn shown(&self) -> Verbosity {
        if self.verbose {
            Verbosity::All
        } else {
            Verbosity::Quiet
        }
    }

    /// How to start the system of a demo.
    ///
    /// # Errors
    /// When there is something in its directory.
    pub(crate) fn options(&self) -> Result<Options, StartError> {
        let location = match &self.data {
            None => Location::Memory,
            Some(path) => {
                let used = path
                    .read_dir()
                    .is_ok_and(|mut files| files.next().is_some());
                if used {
                    return Err(StartError::NotFresh { path: path.clone() });
                }
                Location::Directory(path.clone())
            }
        };
        Ok(Options {
            location,
            telemetry: live_log(self.shown()),
            ..Options::ephemeral()
        })
    }
}

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

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    local::cli::run(local::cli::Cli::parse()).await
}

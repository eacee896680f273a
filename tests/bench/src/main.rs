#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]

mod apns;
mod cold;
mod cost;
mod dispatch;
mod error;
mod growth;
mod instant;
mod load;
mod measure;
mod phones;
mod pipeline;
mod push;
mod receiver;
mod reference;
mod table;
mod world;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::error::Failed;
use crate::table::Table;

/// Measures Fanfare against a reference in the same run. Build with `--release`.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// One JSON object instead of the table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// webhook-dispatch against a bare loop that signs and POSTs the same bodies.
    Dispatch(Rounds),
    /// HTTP API to receipt, with one endpoint and with five.
    Pipeline(Rounds),
    /// The same with many endpoints, much history, and an endpoint that hangs.
    Growth(Growth),
    /// Each function from exec to its first poll of the runtime.
    Cold(Rounds),
    /// push-dispatch against a bare HTTP/2 loop, and pushes to many from event to phone.
    Push(PushArgs),
    /// The simulated providers of `push`; started by it.
    #[command(hide = true)]
    Phones,
    /// The receivers of the other measurements; started by them.
    #[command(hide = true)]
    Receive,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Rounds {
    /// Rounds of each measurement, interleaved; the medians are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Events of a round.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..))]
    events: u32,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Growth {
    #[command(flatten)]
    rounds: Rounds,
    /// Endpoints in the crowded network.
    #[arg(long, default_value_t = 10_000)]
    endpoints: u32,
    /// Events in the table before the measurement.
    #[arg(long, default_value_t = 1_000_000)]
    stored: u32,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    rounds: Rounds,
    /// People whom one event names.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    targets: u32,
    /// Devices that a broadcast reaches.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
}

/// What a process of another measurement says to the one that started it.
fn print(line: &str) {
    println!("{line}");
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command).await {
        Ok(Some(table)) if cli.json => println!("{}", table.to_json()),
        Ok(Some(table)) => println!("{}", table.to_text()),
        Ok(None) => {}
        Err(failed) => {
            println!("bench: {failed}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn run(command: Command) -> Result<Option<Table>, Failed> {
    match command {
        Command::Dispatch(rounds) => dispatch::run(rounds).await.map(Some),
        Command::Pipeline(rounds) => pipeline::run(rounds).await.map(Some),
        Command::Growth(growth) => growth::run(growth).await.map(Some),
        Command::Cold(rounds) => cold::run(rounds).await.map(Some),
        Command::Push(args) => push::run(args).await.map(Some),
        Command::Phones => phones::serve().await.map(|()| None),
        Command::Receive => receiver::run().await.map(|()| None),
    }
}

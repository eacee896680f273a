//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::{demo, key_command, listen, push_demo, serve};

/// Fanfare on one machine: every function of the deployment in one process, over embedded AWS services.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the system (the default).
    Serve(ServeArgs),
    /// Send events through a fresh system to verifying receivers, and report.
    Demo(DemoArgs),
    /// Receive webhooks on loopback, verify them and print them.
    Listen(ListenArgs),
    /// Make an API key for a deployment on AWS.
    Key(KeyArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Directory for events, queues, secrets and keys.
    #[arg(long, value_name = "DIR", default_value = ".fanfare")]
    pub(crate) data: PathBuf,
    /// Keep everything in memory; nothing is left behind.
    #[arg(long, conflicts_with = "data")]
    pub(crate) ephemeral: bool,
    /// Address of the API; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Address for AWS SDKs and the AWS CLI [default: 127.0.0.1:4566, or any free port].
    #[arg(long, value_name = "ADDR")]
    pub(crate) aws_listen: Option<SocketAddr>,
    /// Template to run instead of the one built in.
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Stand in for Apple, Google and Baidu, with phones that print what they get (the default).
    #[arg(long, overrides_with = "no_simulate_providers")]
    pub(crate) simulate_providers: bool,
    /// Send pushes to Apple, Google and Baidu themselves.
    #[arg(long, overrides_with = "simulate_providers")]
    pub(crate) no_simulate_providers: bool,
    /// Print one line of JSON when ready, and nothing else on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show every telemetry line, not only warnings and errors.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// How many events to post.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) events: u32,
    /// How many receivers each event goes to.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) endpoints: u8,
    /// Push the events to simulated phones, and show what happens when things go wrong.
    #[arg(long, conflicts_with = "endpoints")]
    pub(crate) push: bool,
    /// Keep what the system stores in this directory, which must be new or empty [default: in memory].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show every call of the API with its answer, and every telemetry line.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ListenArgs {
    /// Address to receive on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    pub(crate) listen: SocketAddr,
    /// The endpoint's secret, as shown at its creation; repeat for several endpoints.
    #[arg(long, value_name = "whsec_…")]
    pub(crate) secret: Vec<String>,
}

#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group(ArgGroup::new("access").required(true).args(["role", "scopes"])))]
pub(crate) struct KeyArgs {
    /// Network the key is for; left out for an operator's key, which is of none.
    #[arg(long)]
    pub(crate) network: Option<String>,
    /// `super_admin`, `admin`, `developer` or `viewer`.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// `events:write`, `devices:write`, or several with a comma between; `operator`, alone and without --network, for what belongs to no network.
    #[arg(long)]
    pub(crate) scopes: Option<String>,
    /// Days until the key expires; never, if not given.
    #[arg(long, value_name = "DAYS")]
    pub(crate) expires_days: Option<u32>,
}

/// Runs one command.
pub async fn run(cli: Cli) -> ExitCode {
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Serve(args)) => serve::run(args).await,
        Some(Command::Demo(args)) if args.push => push_demo::run(args).await,
        Some(Command::Demo(args)) => demo::run(args).await,
        Some(Command::Listen(args)) => listen::run(args).await,
        Some(Command::Key(args)) => key_command::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        for (line, good) in [
            ("fanfare", true),
            ("fanfare --json --listen 127.0.0.1:0", true),
            ("fanfare serve --data x", true),
            ("fanfare serve --data x --ephemeral", false),
            ("fanfare serve --no-simulate-providers", true),
            ("fanfare demo --events 10 --endpoints 2 --json", true),
            ("fanfare demo --push --json", true),
            ("fanfare demo --push --verbose --data x", true),
            ("fanfare demo --events 0", false),
            ("fanfare key --network demo --role admin", true),
            ("fanfare key --scopes operator", true),
            ("fanfare key --network demo", false),
            (
                "fanfare key --network demo --role admin --scopes events:write",
                false,
            ),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), good, "{line}");
        }
    }
}

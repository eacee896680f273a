//! `fanfare serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use aws_local::Location;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::ServeArgs;
use crate::console::{self, Verbosity, say, tell};
use crate::keys::Shown;
use crate::{AwsListen, Options, Providers, StartError, System, TemplateSource, world};

/// Where AWS emulators usually listen, so that existing scripts find this one.
const AWS_PORT: u16 = 4566;

/// The line of `--json`.
#[derive(Serialize)]
struct Ready {
    api: String,
    network: &'static str,
    keys: Shown,
    aws: Option<String>,
}

pub(crate) async fn run(args: ServeArgs) -> ExitCode {
    match serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => console::fail(&error),
    }
}

async fn serve(args: ServeArgs) -> Result<(), StartError> {
    let json = args.json;
    let preferred = SocketAddr::from((Ipv4Addr::LOCALHOST, AWS_PORT));
    let asked = args.aws_listen;
    let data = (!args.ephemeral).then(|| args.data.clone());
    // Before anyone can know that we run: whoever reads that we do may end us at once.
    let mut interrupts = Interrupts::heed().map_err(StartError::Interrupts)?;
    let system = System::start(options(args, preferred)).await?;
    if let Some(simulator) = system.simulator() {
        simulator.watch(|push| tell(&push.line()));
    }
    if asked.is_none() && system.aws_endpoint() != Some(format!("http://{preferred}")) {
        tell(&format!(
            "Port {AWS_PORT} is taken; AWS tools find the services elsewhere (see below), or choose with --aws-listen."
        ));
    }
    if json {
        let ready = Ready {
            api: system.api(),
            network: system.network(),
            keys: system.keys().shown(),
            aws: system.aws_endpoint(),
        };
        say(&serde_json::to_string(&ready).unwrap_or_default());
    } else {
        say(&welcome(&system, data.as_deref()));
    }
    interrupts.next().await;
    tell("Finishing what is under way; interrupt again to stop at once.");
    tokio::select! {
        () = system.stop() => {}
        () = interrupts.next() => {}
    }
    Ok(())
}

fn options(args: ServeArgs, preferred: SocketAddr) -> Options {
    let location = if args.ephemeral {
        Location::Memory
    } else {
        Location::Directory(args.data)
    };
    let verbosity = if args.verbose {
        Verbosity::All
    } else {
        Verbosity::Quiet
    };
    Options {
        template: args
            .template
            .map_or(TemplateSource::BuiltIn, TemplateSource::File),
        location,
        listen: args.listen,
        aws_listen: args
            .aws_listen
            .map_or(AwsListen::Preferably(preferred), AwsListen::At),
        providers: if args.no_simulate_providers && !args.simulate_providers {
            Providers::Official
        } else {
            Providers::Simulated
        },
        telemetry: console::live_log(verbosity),
        ..Options::ephemeral()
    }
}

/// Ctrl-C and SIGTERM, heeded from the moment this exists.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn heed() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn welcome(system: &System, data: Option<&std::path::Path>) -> String {
    let (api, network, keys) = (system.api(), system.network(), system.keys());
    let base = format!("{api}/v1/networks/{network}");
    let data = data.map_or_else(
        || "in memory, gone at the end".to_owned(),
        |data| format!("{}  (keys in keys.json)", data.display()),
    );
    let (admin, producer, device) = (keys.super_admin(), keys.producer(), keys.device());
    let operator = keys.operator();
    // As it was called, so that the line works when pasted.
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "fanfare".to_owned());
    format!(
        r#"Fanfare is running.

  API          {api}
  network      {network}
  data         {data}

  super admin  {admin}
  producer     {producer}
  device       {device}
  operator     {operator}

Start a receiver in a second terminal:

  {program} listen

Create an endpoint for it, post an event, list its deliveries:

  EP=$(curl -sS {base}/webhooks -H 'Authorization: Bearer {admin}' -H 'Content-Type: application/json' -d '{{"url":"http://127.0.0.1:9000/","eventTypes":["*"]}}' | tee /dev/stderr | grep -o 'ep_[0-9A-Z]*')
  curl -sS {base}/events -H 'Authorization: Bearer {producer}' -H 'Content-Type: application/json' -d '{{"event":"message.didCreate","data":{{"messages":[{{"messageId":"m1","data":{{"text":"hello"}}}}]}}}}'
  curl -sS "{base}/webhooks/$EP/deliveries" -H 'Authorization: Bearer {admin}'

The first line shows the endpoint's secret, once; `{program} listen --secret whsec_…` verifies with it.
{phones}{aws}
Ctrl-C ends it."#,
        phones = phones_help(system, &program),
        aws = aws_help(system),
    )
}

fn phones_help(system: &System, program: &str) -> String {
    if system.simulator().is_none() {
        return String::new();
    }
    let api = system.api();
    format!(
        r#"
Apple, Google and Baidu are simulated: what their phones get is printed here and listed at {api}/v1/simulator/pushes. `{program} demo --push --verbose` shows every call from a certificate to a phone.
"#
    )
}

fn aws_help(system: &System) -> String {
    let Some(endpoint) = system.aws_endpoint() else {
        return String::new();
    };
    let queue = system.events_queue_url().unwrap_or_default();
    let (network, region) = (system.network(), world::REGION);
    format!(
        r#"
SQS, DynamoDB and Secrets Manager answer AWS tools at {endpoint}. A producer may post to the queue itself:

  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws --endpoint-url {endpoint} --region {region} sqs send-message --queue-url {queue} --message-body '{{"networkId":"{network}","event":"message.didCreate","data":{{}}}}'
"#
    )
}

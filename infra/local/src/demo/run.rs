//! The course of a demo.

use std::io::IsTerminal as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runtime::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::producer;
use super::receiver::Receiver;
use super::report::{Calls, Report};
use super::tally::{Counts, Tally};
use crate::cli::DemoArgs;
use crate::http_client::{CallError, HttpClient};
use crate::shutdown::{Trigger, channel};
use crate::verify::Verifier;
use crate::{StartError, System, http_server};

/// How many messages the last receiver refuses once.
pub(super) const REFUSALS: usize = 5;
/// Longer than the first retry's delay and a sweep's minute together would be a loss.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// After the last receipt, results are recorded and messages deleted.
const SETTLE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("start a receiver on loopback: allow this user to listen on 127.0.0.1")]
    Receiver(#[source] std::io::Error),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("understand the answer of {operation}: it holds no {missing}")]
    Answer {
        operation: &'static str,
        missing: &'static str,
    },
}

pub(super) async fn run(args: &DemoArgs) -> Result<Report, DemoError> {
    let system = System::start(args.options()?).await?;
    let tally = Arc::new(Tally::new());
    let base = format!("{}/v1/networks/{}", system.api(), system.network());
    let admin = HttpClient::new(base.clone(), system.keys().super_admin(), args.shown());
    let producer = HttpClient::new(base, system.keys().producer(), args.shown());
    let receivers = start_receivers(args, &admin, &tally).await?;

    let expected = u64::from(args.events) * u64::from(args.endpoints);
    let bar = progress(args, expected);
    system.embedded().reset_calls();
    let idle_polls = system.idle_polls();
    let started = Instant::now();
    let accepted = {
        let post = producer::post_all(&producer, args, &tally);
        tokio::pin!(post);
        loop {
            tokio::select! {
                accepted = &mut post => break accepted?,
                () = tokio::time::sleep(LOOK_EVERY) => bar.set_position(tally.counts().delivered),
            }
        }
    };
    await_deliveries(&tally, accepted * u64::from(args.endpoints), &bar).await;
    bar.finish_and_clear();
    drop(tokio::time::timeout(SETTLE, system.embedded().sqs().idle()).await);
    let calls = Calls {
        counts: system.embedded().calls(),
        idle_polls: system.idle_polls() - idle_polls,
    };
    receivers.pull();
    let report = Report::new(
        args,
        accepted,
        &tally,
        tally.last_first_try() - started,
        &calls,
    );
    system.stop().await;
    Ok(report)
}

/// Starts the receivers and an endpoint for each. Pulling the trigger ends them all.
async fn start_receivers(
    args: &DemoArgs,
    admin: &HttpClient,
    tally: &Arc<Tally>,
) -> Result<Trigger, DemoError> {
    let (trigger, end) = channel();
    let count = usize::from(args.endpoints);
    for number in 0..count {
        let receiver = Arc::new(Receiver {
            number,
            refusals: if number + 1 == count { REFUSALS } else { 0 },
            verifier: OnceLock::new(),
            tally: Arc::clone(tally),
            clock: Clock::system(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(DemoError::Receiver)?;
        let address = listener.local_addr().map_err(DemoError::Receiver)?;
        let server = Arc::clone(&receiver);
        let service = move |request, _peer| Arc::clone(&server).answer(request);
        tokio::spawn(http_server::serve(listener, end.clone(), service));
        let secret = create_endpoint(admin, &format!("http://{address}/hooks/{number}")).await?;
        let verifier = Verifier::new(&secret);
        let missing = |_| DemoError::Answer {
            operation: "creating an endpoint",
            missing: "usable secret",
        };
        drop(receiver.verifier.set(verifier.map_err(missing)?));
    }
    Ok(trigger)
}

async fn create_endpoint(admin: &HttpClient, url: &str) -> Result<String, DemoError> {
    let body = json!({ "url": url, "description": "demo", "eventTypes": ["*"] });
    let answer = admin
        .post(
            "/webhooks",
            body.to_string().into_bytes(),
            StatusCode::CREATED,
        )
        .await?;
    let secret = answer
        .get("secret")
        .and_then(Value::as_str)
        .map(str::to_owned);
    secret.ok_or(DemoError::Answer {
        operation: "creating an endpoint",
        missing: "secret",
    })
}

/// Returns when all is delivered, or nothing has come for too long; the report tells which.
async fn await_deliveries(tally: &Tally, expected: u64, bar: &ProgressBar) {
    loop {
        let Counts { delivered, .. } = tally.counts();
        bar.set_position(delivered);
        if delivered >= expected || tally.silence() > GIVE_UP_AFTER {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn progress(args: &DemoArgs, expected: u64) -> ProgressBar {
    let hidden = args.json || !std::io::stderr().is_terminal();
    let target = if hidden {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(expected), target);
    // The template is a constant; should it ever be malformed, the plain bar does.
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:40} {human_pos} of {human_len} delivered  {per_sec}  {elapsed}",
    ) {
        bar.set_style(style);
    }
    bar
}

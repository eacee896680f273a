//! `bench dispatch`: webhook-dispatch against the bare loop.

use std::time::Instant;

use aws_lambda_events::sqs::SqsEvent;
use domain::attempt::Attempt;
use domain::delivery::State;
use domain::endpoint::Format;
use domain::envelope;
use futures::stream::{self, StreamExt as _};
use queue::message::DeliveryMessage;
use runtime::{Aws, Clock, Platform, Random};
use serde_json::{Value, json};
use store::{Finished, Store};
use telemetry::Telemetry;
use webhook_dispatch::Deps;

use crate::error::Failed;
use crate::measure::{OneThread, cpu_seconds};
use crate::receiver::{Manner, Receivers};
use crate::reference::{self, IN_FLIGHT, Pace};
use crate::table::{Row, Table, column};
use crate::world::{EVENTS_PER_POST, World};
use crate::{Rounds, instant};

/// Messages of an invocation; with [`BATCHES`] of them under way, as many as the bare loop has.
const BATCH: usize = 8;
const BATCHES: usize = IN_FLIGHT / BATCH;

pub(crate) async fn run(rounds: Rounds) -> Result<Table, Failed> {
    let receivers = Receivers::start().await?;
    let world = World::without_dispatch().await?;
    world.endpoints(&receivers, 1, Manner::AtOnce, "*").await?;
    let embedded = world.system.embedded().clone();
    let (stored, instantly) = (
        deps(&world, Aws::over(embedded.http_client()))?,
        deps(&world, Aws::over(instant::over(embedded.http_client())))?,
    );
    let thread = OneThread::start()?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = receivers.url(0, Manner::AtOnce);
    let per_round = rounds.events;
    let mut paces = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    let at_once = Aws::over(instant::over(embedded.http_client()));
    let store = Store::new(at_once.dynamodb(), table(&world)?);
    let attempt = recorded(&world, &stored, &thread).await?;
    for _ in 0..rounds.rounds {
        let messages = messages(&world, per_round).await?;
        let body = sent_body(&messages)?;
        let [ours, bare, alone, writes] = &mut paces;
        // The first to use the messages leaves the table as the second needs it: writing nothing.
        alone.push(thread.run(dispatch(&instantly, &messages))?);
        bare.push(thread.run(reference::run(&http, &url, &body, messages.len()))?);
        writes.push(thread.run(record(&store, &messages, &attempt))?);
        ours.push(thread.run(dispatch(&stored, &messages))?);
        receivers.latencies().await?;
    }
    let [ours, bare, alone, writes] = paces.map(|paces| Pace::median(&paces));
    let row = |name: &str, pace: Pace| Row {
        name: name.to_owned(),
        values: vec![
            Some(pace.per_second),
            Some(pace.per_second / bare.per_second),
            Some(pace.cpu_micros),
            Some(pace.cpu_micros / bare.cpu_micros),
        ],
    };
    Ok(Table {
        name: "dispatch",
        columns: vec![
            column("webhooks/s", "webhooksPerSecond", 0),
            column("of the bare loop", "rateRatio", 2),
            column("CPU µs per webhook", "cpuMicrosPerWebhook", 1),
            column("times the bare loop", "cpuRatio", 2),
        ],
        rows: vec![
            row("bare loop: sign and POST, nothing kept", bare),
            row(
                "webhook-dispatch without its write: the difference of the next two",
                rest(alone, writes),
            ),
            row("webhook-dispatch, a table that answers at once", alone),
            row(
                "its write alone: the AWS SDK and a table that answers at once",
                writes,
            ),
            row("webhook-dispatch, embedded table in the same process", ours),
        ],
        notes: vec![format!(
            "1 KB bodies, {IN_FLIGHT} in flight, kept connections, one thread as in a function, one receiver in its own process; medians of {} rounds of {per_round} webhooks.",
            rounds.rounds
        )],
    })
}

/// What is left of `whole` when `part` is taken away, both one after the other.
fn rest(whole: Pace, part: Pace) -> Pace {
    Pace {
        per_second: 1.0 / (1.0 / whole.per_second - 1.0 / part.per_second).max(f64::EPSILON),
        cpu_micros: whole.cpu_micros - part.cpu_micros,
    }
}

/// The attempt as the function records it.
async fn recorded(world: &World, deps: &Deps, thread: &OneThread) -> Result<Attempt, Failed> {
    let messages = messages(world, 1).await?;
    thread.run(dispatch(deps, &messages))?;
    let first = messages.first().map(String::as_str).unwrap_or_default();
    let message = DeliveryMessage::read(first)?;
    let store = Store::new(world.system.aws().dynamodb(), table(world)?);
    let delivery = store.delivery(&message.network, message.delivery).await?;
    let attempt = delivery.and_then(|delivery| delivery.attempts.into_iter().next());
    attempt.ok_or_else(|| Failed::new("the function recorded no attempt"))
}

/// Records this attempt for each message, as the function does, and nothing else.
async fn record(store: &Store, messages: &[String], attempt: &Attempt) -> Result<Pace, Failed> {
    let messages: Vec<_> = messages
        .iter()
        .map(|body| DeliveryMessage::read(body))
        .collect::<Result<_, _>>()?;
    let cpu = cpu_seconds();
    let started = Instant::now();
    let recorded: Vec<_> = stream::iter(&messages)
        .map(|message| async move {
            let finished = Finished {
                attempt,
                state: State::Delivered,
                due: None,
            };
            store
                .record(&message.network, message.delivery, finished)
                .await
        })
        .buffer_unordered(IN_FLIGHT)
        .collect()
        .await;
    let pace = Pace::of(messages.len(), started, cpu);
    recorded.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(pace)
}

/// The function as the template sets it up, over other services.
fn deps(world: &World, aws: Aws) -> Result<Deps, Failed> {
    let receivers = ("LOCAL_RECEIVERS".to_owned(), "true".to_owned());
    let variables = world
        .variables("webhook-dispatch")?
        .into_iter()
        .chain([receivers]);
    let platform = Platform {
        env: variables.collect(),
        aws,
        clock: Clock::system(),
        random: Random::system(),
        telemetry: Telemetry::to(|_, _| {}),
    };
    Ok(Deps::new(&platform)?)
}

/// Reports events and takes the messages that fan-out made of them.
async fn messages(world: &World, count: u32) -> Result<Vec<String>, Failed> {
    let variables = world.variables("event-fanout")?;
    let queue = variables.get("WEBHOOK_QUEUE_URL");
    let queue = queue.ok_or_else(|| Failed::new("event-fanout has no WEBHOOK_QUEUE_URL"))?;
    let sqs = world.system.aws().sqs();
    let wanted = usize::try_from(count)?;
    let (mut reported, mut messages) = (0, Vec::with_capacity(wanted));
    while messages.len() < wanted {
        if reported < count {
            let more = EVENTS_PER_POST.min(count - reported);
            world.report(more).await?;
            reported += more;
        }
        let receive = sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10);
        for message in receive.send().await?.messages.unwrap_or_default() {
            let receipt = message.receipt_handle.unwrap_or_default();
            let delete = sqs
                .delete_message()
                .queue_url(queue)
                .receipt_handle(receipt);
            delete.send().await?;
            messages.extend(message.body);
        }
    }
    Ok(messages)
}

/// What the function will send for the first message: the bare loop sends the same.
fn sent_body(messages: &[String]) -> Result<String, Failed> {
    let first = messages.first().map(String::as_str).unwrap_or_default();
    let message = DeliveryMessage::read(first)?;
    let event = message.riding_event();
    let event = event.ok_or_else(|| Failed::new("the event does not ride in its message"))?;
    Ok(envelope::compose(&event, Format::Fanfare))
}

fn table(world: &World) -> Result<String, Failed> {
    let variables = world.variables("webhook-dispatch")?;
    let table = variables.get("TABLE_NAME").cloned();
    table.ok_or_else(|| Failed::new("webhook-dispatch has no TABLE_NAME"))
}

/// Hands all messages to the function, in batches as Lambda would.
async fn dispatch(deps: &Deps, messages: &[String]) -> Result<Pace, Failed> {
    let batches: Vec<SqsEvent> = messages
        .chunks(BATCH)
        .map(batch)
        .collect::<Result<_, _>>()?;
    let cpu = cpu_seconds();
    let started = Instant::now();
    let handled: Vec<_> = stream::iter(batches)
        .map(|batch| webhook_dispatch::handle(deps, batch))
        .buffer_unordered(BATCHES)
        .collect()
        .await;
    let pace = Pace::of(messages.len(), started, cpu);
    let failed: usize = handled
        .into_iter()
        .map(|answer| answer.map_or(0, |answer| answer.batch_item_failures.len()))
        .sum();
    if failed > 0 {
        return Err(Failed::new(format!(
            "{failed} of {} messages failed",
            messages.len()
        )));
    }
    Ok(pace)
}

pub(crate) fn batch(messages: &[String]) -> Result<SqsEvent, serde_json::Error> {
    let now = Clock::system().now().millis().to_string();
    let records = messages.iter().enumerate().map(|(index, body)| {
        json!({
            "messageId": format!("m-{index}"),
            "receiptHandle": "r",
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": now },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        })
    });
    let records: Vec<Value> = records.collect();
    serde_json::from_value(json!({ "Records": records }))
}

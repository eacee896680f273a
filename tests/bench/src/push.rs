//! `bench push`: push-dispatch over one warm connection against a bare HTTP/2 loop, and what a
//! push to many costs from the event to the last phone.

use std::time::{Duration, Instant};

use aws_lambda_events::sqs::SqsEvent;
use credential::Credential;
use domain::credential::{Environment, Facts, Fingerprint, Platform, Provider, Record, Slot};
use domain::id::{CredentialId, EventId, NetworkId};
use domain::push::device::{Device, DeviceId, Token, UserId};
use domain::push::gate::Trail;
use domain::push::message::{Push, Text};
use domain::time::Timestamp;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use push_dispatch::Deps;
use queue::push::PushMessage;
use runtime::{Aws, Clock, Platform as Runtime, Random};
use serde_json::json;
use store::{ActiveSlot, PushRecord, PushState, Store};
use telemetry::Telemetry;
use testkit::push_certificate;
use vault::Vault;

use crate::apns::{bare_loop, client_loop};
use crate::dispatch::batch;
use crate::error::Failed;
use crate::measure::{OneThread, cpu_seconds, median, peak_memory_mib, rate};
use crate::phones::Phones;
use crate::reference::Pace;
use crate::table::{Row, Table, column};
use crate::world::World;
use crate::{PushArgs, Rounds, instant};

/// Pushes under way at the same time.
pub(crate) const IN_FLIGHT: usize = 500;
const BATCH: usize = 10;

/// Registrations under way while a broadcast is prepared.
const REGISTRATIONS: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(120);

/// What the rounds came to, each measurement by itself.
#[derive(Default)]
struct Measured {
    bare: Vec<Pace>,
    client: Vec<Pace>,
    alone: Vec<Pace>,
    ours: Vec<Pace>,
    cold_millis: Vec<f64>,
}

pub(crate) async fn run(args: PushArgs) -> Result<Table, Failed> {
    let measured = measure(args.rounds).await?;
    let mut rows = measured.rows();
    for (name, devices, broadcast) in [
        ("an event that names so many people", args.targets, false),
        ("a broadcast to so many devices", args.devices, true),
    ] {
        rows.push(many(name, usize::try_from(devices)?, broadcast).await?);
    }
    let Rounds { rounds, events } = args.rounds;
    Ok(Table {
        name: "push",
        columns: vec![
            column("pushes/s", "pushesPerSecond", 0),
            column("of the bare loop", "rateRatio", 2),
            column("CPU µs per push", "cpuMicrosPerPush", 1),
            column("ms", "millis", 0),
            column("AWS calls per push", "callsPerPush", 2),
        ],
        rows,
        notes: vec![
            format!(
                "1 KiB payloads, {IN_FLIGHT} in flight, one TLS connection with a client certificate, one thread as in a function, the simulated APNs in its own process; medians of {rounds} rounds of {events} pushes."
            ),
            format!(
                "The last two from the event's POST to the last phone, phones in the same process; most memory resident: {:.0} MiB.",
                peak_memory_mib("self")
            ),
        ],
    })
}

async fn measure(Rounds { rounds, events }: Rounds) -> Result<Measured, Failed> {
    let phones = Phones::start().await?;
    let (credential, _) = push_certificate(&[1, 2], (2020, 2090));
    let world = World::start().await?;
    activate(&world, &credential).await?;
    let Credential::ApnsCertificate(certificate) = &credential else {
        return Err(Failed::new("the credential is no certificate"));
    };
    let count = usize::try_from(events)?;
    let embedded = world.system.embedded().clone();
    let thread = OneThread::start()?;
    let mut measured = Measured::default();
    for round in 0..rounds {
        let bare = || thread.run(bare_loop(&phones, certificate, count));
        let client = || thread.run(client_loop(&phones, &credential, count));
        // Neither always goes first.
        let (bare, client) = if round % 2 == 0 {
            (bare()?, client()?)
        } else {
            let client = client()?;
            (bare()?, client)
        };
        measured.bare.push(bare);
        measured.client.push(client);
        let stored = deps(&world, &phones, world.system.aws().clone())?;
        let at_once = Aws::over(instant::over(embedded.http_client()));
        let at_once = deps(&world, &phones, at_once)?;
        let first = messages(&world, &format!("cold-{round}"), 1).await?;
        let began = Instant::now();
        thread.run(dispatch(&stored, &first))?;
        measured
            .cold_millis
            .push(began.elapsed().as_secs_f64() * 1e3);
        thread.run(dispatch(&at_once, &first))?;
        let warm = messages(&world, &format!("warm-{round}"), count).await?;
        // First the one that leaves the table as the other needs it: writing nothing.
        measured.alone.push(thread.run(dispatch(&at_once, &warm))?);
        measured.ours.push(thread.run(dispatch(&stored, &warm))?);
    }
    Ok(measured)
}

impl Measured {
    fn rows(self) -> Vec<Row> {
        let bare = Pace::median(&self.bare);
        let row = |name: &str, paces: &[Pace]| {
            let pace = Pace::median(paces);
            Row {
                name: name.to_owned(),
                values: vec![
                    Some(pace.per_second),
                    Some(pace.per_second / bare.per_second),
                    Some(pace.cpu_micros),
                    None,
                    None,
                ],
            }
        };
        vec![
            row("bare loop: HTTP/2 POST, nothing kept", &self.bare),
            row(
                "our client of APNs alone: payload, one warm connection, answer judged",
                &self.client,
            ),
            row("push-dispatch, a table that answers at once", &self.alone),
            row(
                "push-dispatch, embedded table in the same process",
                &self.ours,
            ),
            Row {
                name: "the first push of a process, ms".to_owned(),
                values: vec![None, None, None, Some(median(self.cold_millis)), None],
            },
        ]
    }
}

fn slot() -> Result<Slot, Failed> {
    let slot = Slot::new(Platform::Ios, Provider::Apns, Environment::Production);
    slot.ok_or_else(|| Failed::new("iOS has no APNs"))
}

fn network() -> Result<NetworkId, Failed> {
    NetworkId::parse("demo").ok_or_else(|| Failed::new("demo is no network"))
}

fn store(world: &World) -> Result<Store, Failed> {
    let variables = world.variables("push-dispatch")?;
    let table = variables.get("TABLE_NAME").cloned().unwrap_or_default();
    Ok(Store::new(world.system.aws().dynamodb(), table))
}

async fn activate(world: &World, credential: &Credential) -> Result<(), Failed> {
    let variables = world.variables("push-dispatch")?;
    let prefix = variables.get("SECRET_PREFIX").cloned().unwrap_or_default();
    let vault = Vault::new(
        world.system.aws().secretsmanager(),
        prefix,
        Random::system(),
    );
    let (network, now) = (network()?, Clock::system().now());
    let id = CredentialId::generate(now, Random::system().bytes());
    let text = credential.to_text();
    vault.keep_credential(&network, id, &text).await?;
    let record = Record {
        id,
        network,
        name: "bench".to_owned(),
        slot: slot()?,
        facts: Facts {
            kind: credential.kind(),
            bundle_id: None,
            team_id: None,
            key_id: None,
            project_id: None,
            topics: Vec::new(),
            environments: vec![Environment::Production],
            expires: None,
            fingerprint: Fingerprint::from_bytes([1; 32]),
        },
        created: now,
    };
    let store = store(world)?;
    store.put_credential(&record, None).await?;
    let active = ActiveSlot::activated(&record, None, now);
    store.activate_credential(&record, None, &active).await?;
    Ok(())
}

/// The function as the template sets it up, its phones in the other process.
fn deps(world: &World, phones: &Phones, aws: Aws) -> Result<Deps, Failed> {
    let stand_ins = (
        "PROVIDER_STAND_INS".to_owned(),
        phones.stand_ins().to_owned(),
    );
    let variables = world
        .variables("push-dispatch")?
        .into_iter()
        .chain([stand_ins]);
    let platform = Runtime {
        env: variables.collect(),
        aws,
        clock: Clock::system(),
        random: Random::system(),
        telemetry: Telemetry::to(|_, _| {}),
    };
    Ok(Deps::new(&platform)?)
}

pub(crate) fn device(number: usize) -> Result<Device, Failed> {
    let token = Token::parse(&format!("{number:064x}"), Provider::Apns);
    let id = DeviceId::parse(&format!("d{number}"));
    let (id, token) = id
        .zip(token)
        .ok_or_else(|| Failed::new("a device is none"))?;
    Ok(Device {
        id,
        slot: slot()?,
        token,
        locale: None,
        registered: Timestamp::EPOCH,
    })
}

/// A payload of 1 KiB.
pub(crate) fn text() -> String {
    "A message of about the length that people write. ".repeat(20)
}

/// The push of all measurements.
pub(crate) fn push() -> Push {
    Push {
        body: Some(Text::plain(text())),
        ..Push::default()
    }
}

/// Pushes owed, with the records that the function settles.
async fn messages(world: &World, event: &str, count: usize) -> Result<Vec<String>, Failed> {
    let (store, network, now) = (store(world)?, network()?, Clock::system().now());
    let event = EventId::parse(event).ok_or_else(|| Failed::new("an event has no id"))?;
    let (store, network, event) = (&store, &network, &event);
    let each = (0..count).map(|number| async move {
        let device = device(number)?;
        let user = UserId::parse(&format!("u{number}"));
        let user = user.ok_or_else(|| Failed::new("a user is none"))?;
        let record = PushRecord {
            user: user.clone(),
            device: Some(device.id.clone()),
            state: PushState::Pending,
            trail: Trail::default(),
            attempts: 0,
            explanation: None,
            at: now,
        };
        store.put_push_record(network, event, now, &record).await?;
        let message = PushMessage {
            network: network.clone(),
            event: event.clone(),
            accepted: now,
            name: "message.created".to_owned(),
            user,
            device,
            attempt: 1,
            repeated: false,
            resent: 0,
            trail: Trail::default(),
            held: None,
            not_before: None,
            push: push(),
        };
        Ok::<_, Failed>(message.write())
    });
    stream::iter(each)
        .buffered(REGISTRATIONS)
        .try_collect()
        .await
}

/// Hands all messages to the function, in batches as Lambda would.
async fn dispatch(deps: &Deps, messages: &[String]) -> Result<Pace, Failed> {
    let batches = messages.chunks(BATCH).map(batch);
    let batches: Vec<SqsEvent> = batches.collect::<Result<_, _>>()?;
    let (cpu, started) = (cpu_seconds(), Instant::now());
    let handled: Vec<_> = stream::iter(batches)
        .map(|batch| push_dispatch::handle(deps, batch))
        .buffer_unordered(IN_FLIGHT / BATCH)
        .collect()
        .await;
    let pace = Pace::of(messages.len(), started, cpu);
    let failures = handled
        .into_iter()
        .map(|answer| answer.map_or(0, |answer| answer.batch_item_failures.len()));
    match failures.sum::<usize>() {
        0 => Ok(pace),
        failed => Err(Failed::new(format!(
            "{failed} of {} pushes failed",
            messages.len()
        ))),
    }
}

/// One event for many phones, from its POST to the last of them.
async fn many(name: &str, devices: usize, broadcast: bool) -> Result<Row, Failed> {
    let world = World::start().await?;
    let (credential, _) = push_certificate(&[1, 2], (2020, 2090));
    activate(&world, &credential).await?;
    let (store, network) = (store(&world)?, network()?);
    let (store, network) = (&store, &network);
    let registered = (0..devices).map(|number| async move {
        let user = UserId::parse(&format!("u{number}"));
        let user = user.ok_or_else(|| Failed::new("a user is none"))?;
        store
            .register_device(network, &user, &device(number)?)
            .await?;
        Ok::<_, Failed>(())
    });
    stream::iter(registered)
        .buffer_unordered(REGISTRATIONS)
        .try_for_each(async |()| Ok(()))
        .await?;
    let phones = world.system.simulator();
    let phones = phones.ok_or_else(|| Failed::new("no phones"))?;
    let push = if broadcast {
        json!({ "broadcast": true, "body": text() })
    } else {
        let targets: Vec<_> = (0..devices).map(|number| format!("u{number}")).collect();
        json!({ "targetIds": targets, "body": text() })
    };
    world.system.embedded().reset_calls();
    let idle = world.system.idle_polls();
    let began = Instant::now();
    world
        .report_one(&json!({ "event": "bench.push", "data": {}, "push": push }))
        .await?;
    let (mut last, mut since) = (0, Instant::now());
    while phones.delivered() < devices {
        let now = phones.delivered();
        if now > last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return Err(Failed::new(format!("{now} of {devices} pushes arrived")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = began.elapsed();
    let calls = world.system.embedded().calls();
    let calls: u64 = calls.operations.values().flat_map(|of| of.values()).sum();
    let calls = calls.saturating_sub(world.system.idle_polls() - idle);
    world.system.stop().await;
    Ok(Row {
        name: format!("{name}: {devices}"),
        values: vec![
            Some(rate(devices, took)),
            None,
            None,
            Some(took.as_secs_f64() * 1e3),
            Some(calls as f64 / devices.max(1) as f64),
        ],
    })
}

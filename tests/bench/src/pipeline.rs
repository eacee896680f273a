//! `bench pipeline`: an event from the HTTP API to its receipts, on the embedded stores.

use crate::Rounds;
use crate::cost::{Prices, Used};
use crate::error::Failed;
use crate::load::{Full, Paced, full_speed, paced};
use crate::measure::{median, peak_memory_mib};
use crate::receiver::{Manner, Receivers};
use crate::reference::{self, Pace};
use crate::table::{Row, Table, column};
use crate::world::{EVENTS_PER_POST, World};

/// How many receivers an event goes to.
const FAN_OUT: [u32; 2] = [1, 5];

/// The paced run is a quarter as long: its percentiles need no more.
const PACED_SHARE: u32 = 4;

#[derive(Debug)]
struct Setup {
    endpoints: u32,
    world: World,
    full: Vec<Full>,
    paced: Vec<Paced>,
    used: Used,
}

pub(crate) async fn run(rounds: Rounds) -> Result<Table, Failed> {
    let receivers = Receivers::start().await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut setups = Vec::new();
    for endpoints in FAN_OUT {
        let world = World::start().await?;
        world
            .endpoints(&receivers, endpoints, Manner::AtOnce, "*")
            .await?;
        setups.push(Setup {
            endpoints,
            world,
            full: Vec::new(),
            paced: Vec::new(),
            used: Used::default(),
        });
    }
    let mut bare = Vec::new();
    let body = "x".repeat(1024);
    for _ in 0..rounds.rounds {
        let count = usize::try_from(rounds.events)?;
        bare.push(reference::run(&http, &receivers.url(0, Manner::AtOnce), &body, count).await?);
        for setup in &mut setups {
            round(setup, &receivers, rounds.events).await?;
        }
    }
    table(rounds, &setups, &bare)
}

/// Full speed, then half of it.
async fn round(setup: &mut Setup, receivers: &Receivers, events: u32) -> Result<(), Failed> {
    let (world, endpoints) = (&setup.world, setup.endpoints);
    world.system.embedded().reset_calls();
    let idle = world.system.idle_polls();
    let full = full_speed(world, receivers, events, endpoints).await?;
    let idle = world.system.idle_polls() - idle;
    let calls = world.system.embedded().calls();
    let deliveries = f64::from(events) * f64::from(endpoints);
    setup.used = Used::per_delivery(&calls, idle, events.div_ceil(EVENTS_PER_POST), deliveries);
    setup.full.push(full);
    let fewer = (events / PACED_SHARE).max(EVENTS_PER_POST);
    let half = full.events_per_second / 2.0;
    setup
        .paced
        .push(paced(world, receivers, fewer, endpoints, half).await?);
    Ok(())
}

fn table(rounds: Rounds, setups: &[Setup], bare: &[Pace]) -> Result<Table, Failed> {
    let prices = Prices::load()?;
    let bare_rate = median(bare.iter().map(|pace| pace.per_second));
    let bare_cpu = median(bare.iter().map(|pace| pace.cpu_micros));
    let mut rows = vec![Row {
        name: "bare loop: sign and POST, nothing kept".to_owned(),
        values: [
            None,
            Some(bare_rate),
            Some(1.0),
            None,
            None,
            None,
            Some(bare_cpu),
        ]
        .into_iter()
        .chain([None; 5])
        .collect(),
    }];
    for setup in setups {
        let rate = median(setup.full.iter().map(|full| full.deliveries_per_second));
        let cpu = median(setup.full.iter().map(|full| full.cpu_micros));
        let used = setup.used;
        let values = [
            median(setup.full.iter().map(|full| full.events_per_second)),
            rate,
            rate / bare_rate,
            median(setup.paced.iter().map(|paced| paced.p50)),
            median(setup.paced.iter().map(|paced| paced.p95)),
            median(setup.paced.iter().map(|paced| paced.p99)),
            cpu,
            used.write_units,
            used.read_units,
            used.sqs,
            used.secrets,
            prices.per_million(&used, cpu / 1e6),
        ];
        rows.push(Row {
            name: format!("Fanfare, {} endpoint(s)", setup.endpoints),
            values: values.map(Some).to_vec(),
        });
    }
    Ok(Table {
        name: "pipeline",
        columns: vec![
            column("events/s", "eventsPerSecond", 0),
            column("deliveries/s", "deliveriesPerSecond", 0),
            column("of the bare loop", "rateRatio", 2),
            column("p50 ms", "p50Ms", 0),
            column("p95 ms", "p95Ms", 0),
            column("p99 ms", "p99Ms", 0),
            column("CPU µs", "cpuMicrosPerDelivery", 0),
            column("write units", "writeUnits", 2),
            column("read units", "readUnits", 2),
            column("SQS calls", "sqsCalls", 2),
            column("Secrets Manager calls", "secretsManagerCalls", 4),
            column("$ per million", "dollarsPerMillion", 2),
        ],
        rows,
        notes: vec![
            format!(
                "{} events of 1 KB a round, medians of {} rounds. Latency is from acceptance to receipt at half of the full speed. CPU, units, calls and dollars are per delivery; CPU counts the embedded AWS services and the producer too.",
                rounds.events, rounds.rounds
            ),
            format!(
                "Dollars are list prices of {} as of {}, for counted calls and CPU time; waiting for receivers is billed too.",
                prices.region, prices.as_of
            ),
            format!(
                "Peak memory of the whole process: {:.0} MiB.",
                peak_memory_mib("self")
            ),
        ],
    })
}

//! `bench growth`: does it stay as fast with many endpoints, much history, and a receiver that hangs?

use domain::event::Draft;
use domain::id::{EventId, NetworkId};
use domain::network::Retention;
use runtime::Clock;
use serde_json::value::RawValue;
use store::Store;

use crate::Growth;
use crate::error::Failed;
use crate::load::{Full, Paced, full_speed, paced};
use crate::measure::median;
use crate::receiver::Receivers;
use crate::table::{Row, Table, column};
use crate::world::World;

/// Endpoints that get each event in the measurement of isolation, the hanging one included.
const CROWD: u32 = 100;

/// Events of the isolation rounds: each is a hundred deliveries.
const CROWD_EVENTS: u32 = 200;

/// A type that no event of the measurement has.
const OTHER_TYPE: &str = "bench.never";

/// Writes of stored events under way.
const WRITES: usize = 16;

/// A setup, the rounds of it, and the setup it is compared with.
#[derive(Debug)]
struct Case {
    name: String,
    world: World,
    events: u32,
    endpoints: u32,
    compared_with: Option<usize>,
    full: Vec<Full>,
    paced: Vec<Paced>,
}

pub(crate) async fn run(growth: Growth) -> Result<Table, Failed> {
    let receivers = Receivers::start().await?;
    let mut cases = cases(growth, &receivers).await?;
    for _ in 0..growth.rounds.rounds {
        // Of the compared ones, both run at half of what the plain one can.
        let mut speeds: Vec<f64> = Vec::new();
        for case in &mut cases {
            let (world, endpoints) = (&case.world, case.endpoints);
            let full = full_speed(world, &receivers, case.events, endpoints).await?;
            let own = full.events_per_second;
            let base = case.compared_with.and_then(|index| speeds.get(index));
            let half = base.copied().unwrap_or(own) / 2.0;
            speeds.push(own);
            case.full.push(full);
            let fewer = (case.events / 4).max(50);
            case.paced
                .push(paced(world, &receivers, fewer, endpoints, half).await?);
        }
    }
    Ok(table(growth, &cases))
}

async fn cases(growth: Growth, receivers: &Receivers) -> Result<Vec<Case>, Failed> {
    let events = growth.rounds.events;
    let plain = World::start().await?;
    plain.endpoints(receivers, 1, 0, "*").await?;
    let crowded = World::start().await?;
    crowded.endpoints(receivers, 1, 0, "*").await?;
    let others = growth.endpoints.saturating_sub(2);
    crowded.endpoints(receivers, others, 0, OTHER_TYPE).await?;
    let old = World::start().await?;
    old.endpoints(receivers, 1, 0, "*").await?;
    store_events(&old, growth.stored).await?;
    let healthy = World::start().await?;
    healthy.endpoints(receivers, CROWD - 1, 0, "*").await?;
    let hanging = World::start().await?;
    hanging.endpoints(receivers, CROWD, 1, "*").await?;
    let case = |name: String, world, events, endpoints, compared_with| Case {
        name,
        world,
        events,
        endpoints,
        compared_with,
        full: Vec::new(),
        paced: Vec::new(),
    };
    let few = CROWD_EVENTS.min(events);
    Ok(vec![
        case(
            "one endpoint, empty table".to_owned(),
            plain,
            events,
            1,
            None,
        ),
        case(
            format!("{others} other endpoints in the network"),
            crowded,
            events,
            1,
            Some(0),
        ),
        case(
            format!("{} events stored before", growth.stored),
            old,
            events,
            1,
            Some(0),
        ),
        case(
            format!("{} healthy endpoints", CROWD - 1),
            healthy,
            few,
            CROWD - 1,
            None,
        ),
        case(
            "the same beside one that hangs".to_owned(),
            hanging,
            few,
            CROWD - 1,
            Some(3),
        ),
    ])
}

/// Events that came and went before.
async fn store_events(world: &World, count: u32) -> Result<(), Failed> {
    use futures::stream::{self, StreamExt as _, TryStreamExt as _};

    let variables = world.variables("event-fanout")?;
    let table = variables.get("TABLE_NAME");
    let table = table.ok_or_else(|| Failed::new("event-fanout has no TABLE_NAME"))?;
    let store = Store::new(world.system.aws().dynamodb(), table);
    let network = NetworkId::parse(world.system.network());
    let network = network.ok_or_else(|| Failed::new("the network has no good name"))?;
    let data = RawValue::from_string(r#"{"text":"long ago"}"#.to_owned())?;
    let (store, network, data) = (&store, &network, &data);
    let writes = (0..count).map(|number| async move {
        let draft = Draft {
            id: None,
            event: "message.didCreate",
            data,
            timestamp: None,
            version: None,
            push: None,
            origin: domain::event::Origin::Producer,
        };
        let checked = draft
            .check()
            .map_err(|_| Failed::new("the stored event is not good"))?;
        let at = Clock::system().now();
        let message = format!("stored-{number}");
        let id = EventId::of_message(at, &message);
        let event = checked.accept(network.clone(), id, at);
        store
            .take_event(&event, &message, &[], Retention::default())
            .await?;
        Ok::<_, Failed>(())
    });
    stream::iter(writes)
        .buffer_unordered(WRITES)
        .try_collect()
        .await
}

fn table(growth: Growth, cases: &[Case]) -> Table {
    let speed = |case: &Case| median(case.full.iter().map(|full| full.deliveries_per_second));
    let cpu = |case: &Case| median(case.full.iter().map(|full| full.cpu_micros));
    let p50 = |case: &Case| median(case.paced.iter().map(|paced| paced.p50));
    let p99 = |case: &Case| median(case.paced.iter().map(|paced| paced.p99));
    let rows = cases.iter().map(|case| {
        let base = case.compared_with.and_then(|index| cases.get(index));
        Row {
            name: case.name.clone(),
            values: vec![
                Some(speed(case)),
                base.map(|base| speed(case) / speed(base)),
                Some(cpu(case)),
                base.map(|base| cpu(case) / cpu(base)),
                Some(p50(case)),
                Some(p99(case)),
                // Times have whole milliseconds, so a ratio of less than one says nothing.
                base.map(|base| p99(case) / p99(base).max(1.0)),
            ],
        }
    });
    Table {
        name: "growth",
        rows: rows.collect(),
        columns: vec![
            column("deliveries/s", "deliveriesPerSecond", 0),
            column("of the plain one", "rateRatio", 2),
            column("CPU µs", "cpuMicrosPerDelivery", 0),
            column("times the plain one", "cpuRatio", 2),
            column("p50 ms", "p50Ms", 0),
            column("p99 ms", "p99Ms", 0),
            column("times the plain one's p99", "p99Ratio", 2),
        ],
        notes: vec![format!(
            "{} events a round ({CROWD_EVENTS} where each goes to {} endpoints), medians of {} rounds. Latency at half of the plain one's full speed. What hangs is not counted.",
            growth.rounds.events,
            CROWD - 1,
            growth.rounds.rounds
        )],
    }
}

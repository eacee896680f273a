//! `bench growth`: does it stay as fast with many endpoints, much history, a receiver that hangs, and
//! one that answers late?

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
use crate::receiver::{Manner, Receivers};
use crate::table::{Row, Table, column};
use crate::world::World;

/// Endpoints that get each event in the measurement of isolation, the hanging one included.
const CROWD: u32 = 100;

/// Events of the isolation rounds: each is a hundred deliveries.
const CROWD_EVENTS: u32 = 200;

/// Events of the rounds beside one that answers late: in them, it takes far more places than there are.
const LATE_EVENTS: u32 = 4_000;

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
    /// What happens at full speed is not of interest, only how long each takes at half of it.
    paced_only: bool,
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
            let base = case.compared_with.and_then(|index| speeds.get(index));
            let fewer = (case.events / 4).max(50);
            let own = if case.paced_only {
                // Until it is known to be slow, which is for as long as one of its answers takes, it is in
                // the way.
                let rate = base.copied().unwrap_or_default() / 2.0;
                paced(world, &receivers, fewer, endpoints, rate).await?;
                0.0
            } else {
                let full = full_speed(world, &receivers, case.events, endpoints).await?;
                case.full.push(full);
                full.events_per_second
            };
            let half = base.copied().unwrap_or(own) / 2.0;
            speeds.push(own);
            case.paced
                .push(paced(world, &receivers, fewer, endpoints, half).await?);
        }
    }
    Ok(table(growth, &cases))
}

async fn cases(growth: Growth, receivers: &Receivers) -> Result<Vec<Case>, Failed> {
    let events = growth.rounds.events;
    let at_once = Manner::AtOnce;
    let plain = subscribed(receivers, 1, at_once).await?;
    let crowded = subscribed(receivers, 1, at_once).await?;
    let others = growth.endpoints.saturating_sub(2);
    crowded
        .endpoints(receivers, others, at_once, OTHER_TYPE)
        .await?;
    let old = subscribed(receivers, 1, at_once).await?;
    store_events(&old, growth.stored).await?;
    let healthy = subscribed(receivers, CROWD - 1, at_once).await?;
    let hanging = subscribed(receivers, CROWD, Manner::Hangs).await?;
    let pair = subscribed(receivers, 2, at_once).await?;
    let late = subscribed(receivers, 2, Manner::Late).await?;
    let case = |name: String, world, events, endpoints, compared_with| Case {
        name,
        world,
        events,
        endpoints,
        compared_with,
        paced_only: false,
        full: Vec::new(),
        paced: Vec::new(),
    };
    let few = CROWD_EVENTS.min(events);
    let some = LATE_EVENTS.min(events);
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
        case("two endpoints".to_owned(), pair, some, 2, None),
        Case {
            paced_only: true,
            ..case(
                "one beside one that answers after 10 s".to_owned(),
                late,
                some,
                1,
                Some(5),
            )
        },
    ])
}

/// A system with so many endpoints for every event, the first of which may be odd.
async fn subscribed(receivers: &Receivers, count: u32, first: Manner) -> Result<World, Failed> {
    let world = World::start().await?;
    world.endpoints(receivers, count, first, "*").await?;
    Ok(world)
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
        let end = at.after(Retention::default().duration());
        store.take_event(&event, &message, &[], end).await?;
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
        let full = (!case.paced_only).then_some(case);
        Row {
            name: case.name.clone(),
            values: vec![
                full.map(speed),
                full.zip(base).map(|(case, base)| speed(case) / speed(base)),
                full.map(cpu),
                full.zip(base).map(|(case, base)| cpu(case) / cpu(base)),
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
            "{} events a round ({CROWD_EVENTS} where each goes to {} endpoints, {LATE_EVENTS} where it goes to two), medians of {} rounds. Latency at half of the plain one's full speed. What hangs or is late is not counted, and the late one was known to be slow when the measurement began.",
            growth.rounds.events,
            CROWD - 1,
            growth.rounds.rounds
        )],
    }
}

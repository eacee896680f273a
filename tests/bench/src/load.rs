//! Events sent as fast as they are taken, and events sent at a given rate.

use std::time::{Duration, Instant};

use crate::error::Failed;
use crate::measure::{cpu_seconds, percentile, rate};
use crate::receiver::Receivers;
use crate::world::{EVENTS_PER_POST, World};

/// Keeps every stage busy without measuring how long our own backlog is.
const UNDER_WAY: usize = 2_000;
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Events of one request when a rate is kept: small enough to come evenly.
const EVENTS_PER_TICK: u32 = 10;

/// What a run at full speed came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Full {
    pub(crate) events_per_second: f64,
    pub(crate) deliveries_per_second: f64,
    /// CPU time of the whole system per delivery, the producer of the measurement included.
    pub(crate) cpu_micros: f64,
}

/// Latencies from acceptance to receipt, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paced {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// Reports `events`, each of which goes to `endpoints` that answer, and waits for all receipts.
pub(crate) async fn full_speed(
    world: &World,
    receivers: &Receivers,
    events: u32,
    endpoints: u32,
) -> Result<Full, Failed> {
    receivers.latencies().await?;
    let (events_total, endpoints) = (usize::try_from(events)?, usize::try_from(endpoints)?);
    let cpu = cpu_seconds();
    let started = Instant::now();
    let mut reported = 0;
    while reported < events {
        let more = EVENTS_PER_POST.min(events - reported);
        world.report(more).await?;
        reported += more;
        let owed = usize::try_from(reported)? * endpoints;
        receivers
            .wait_for(owed.saturating_sub(UNDER_WAY * endpoints))
            .await?;
    }
    let deliveries = events_total * endpoints;
    receivers.wait_for(deliveries).await?;
    let elapsed = started.elapsed();
    Ok(Full {
        events_per_second: rate(events_total, elapsed),
        deliveries_per_second: rate(deliveries, elapsed),
        cpu_micros: (cpu_seconds() - cpu) * 1e6 / deliveries as f64,
    })
}

/// Reports `events` evenly at `per_second`, whatever becomes of them, and then waits for the
/// receipts.
pub(crate) async fn paced(
    world: &World,
    receivers: &Receivers,
    events: u32,
    endpoints: u32,
    per_second: f64,
) -> Result<Paced, Failed> {
    receivers.latencies().await?;
    let started = Instant::now();
    let mut reported = 0;
    while reported < events {
        let due = Duration::from_secs_f64(f64::from(reported) / per_second.max(1.0));
        while started.elapsed() < due {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let more = EVENTS_PER_TICK.min(events - reported);
        world.report(more).await?;
        reported += more;
    }
    let deliveries = usize::try_from(events)? * usize::try_from(endpoints)?;
    receivers.wait_for(deliveries).await?;
    let latencies = receivers.latencies().await?;
    Ok(Paced {
        p50: percentile(&latencies, 50),
        p95: percentile(&latencies, 95),
        p99: percentile(&latencies, 99),
    })
}

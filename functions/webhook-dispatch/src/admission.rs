//! Whether an attempt may begin now: the endpoint's breaker first, then its limits.

use std::time::Duration;

use domain::endpoint::Limits;
use domain::health::Admission;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use queue::message::DeliveryMessage;
use store::Slot;
use telemetry::chain::chain;

use crate::Deps;
use crate::attempt::CLAIM;
use crate::endpoints::Known;

/// A moment this near is waited for in place: a message would take as long to come back.
const NEAR: Duration = Duration::from_secs(1);

/// How many places are tried before the endpoint counts as full.
const PLACES_TRIED: u32 = 4;

/// When a full endpoint is looked at again, at the earliest.
const FULL: Duration = Duration::from_secs(1);

/// Waiters come back spread over this long after the moment, so that they do not come in step.
const SPREAD: Duration = Duration::from_secs(2);

/// What was decided.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// Begin; the place taken, if the endpoint has a limit, is to be given back.
    Go(Option<Slot>),
    /// Come back at this moment.
    Later(Later),
}

/// A moment to come back at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later {
    pub(crate) at: Timestamp,
    pub(crate) why: Why,
}

/// Why an attempt waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The endpoint fails; one webhook at a time probes it.
    BreakerOpen,
    /// Its rate is used up until then; that moment is reserved.
    Rate,
    /// As many attempts as it takes are under way.
    InFlight,
    /// Another holder of the same message may be making this attempt, or died making it.
    Claimed,
}

impl Why {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::Rate => "rate_per_second",
            Self::InFlight => "max_in_flight",
            Self::Claimed => "claimed",
        }
    }
}

/// Asks breaker and limits.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn admit(
    deps: &Deps,
    known: &Known,
    message: &DeliveryMessage,
    now: Timestamp,
) -> Result<Admitted, String> {
    let endpoint = &known.endpoint;
    // The usual case: nothing is wrong and nothing is limited.
    if known.health().health.admit(now) == Admission::Go && endpoint.limits == Limits::default() {
        return Ok(Admitted::Go(None));
    }
    let asked = async {
        if let Some(at) = breaker(deps, known, now).await? {
            return Ok(later(deps, at, Why::BreakerOpen));
        }
        if let Some(at) = rate(deps, known, message, now).await? {
            return Ok(Admitted::Later(Later { at, why: Why::Rate }));
        }
        let Some(most) = endpoint.limits.max_in_flight else {
            return Ok(Admitted::Go(None));
        };
        match place(deps, &endpoint.network, endpoint.id, most, now).await? {
            Some(slot) => Ok(Admitted::Go(Some(slot))),
            None => Ok(later(deps, now.after(FULL), Why::InFlight)),
        }
    };
    let asked: Result<_, store::Error> = Box::pin(asked).await;
    asked.map_err(|error| chain(&error))
}

fn later(deps: &Deps, at: Timestamp, why: Why) -> Admitted {
    let at = at.after(SPREAD.mul_f64(deps.platform.random.fraction()));
    Admitted::Later(Later { at, why })
}

/// The moment to come back at, if the breaker is open and this attempt is not its probe.
async fn breaker(
    deps: &Deps,
    known: &Known,
    now: Timestamp,
) -> Result<Option<Timestamp>, store::Error> {
    let before = known.health();
    match before.health.admit(now) {
        Admission::Go => return Ok(None),
        Admission::Wait(at) => return Ok(Some(at)),
        Admission::Probe => {}
    }
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let until = now.after(CLAIM);
    let claimed = before.health.probing(until);
    let changed = deps
        .store
        .change_health(network, id, before, claimed)
        .await?;
    if let Some(ours) = changed {
        known.learn(ours);
        return Ok(None);
    }
    // Someone else probes, or the endpoint is well again: look.
    let there = deps.store.health(network, id).await?;
    known.learn(there);
    Ok(match there.health.admit(now) {
        Admission::Go => None,
        Admission::Wait(at) => Some(at),
        Admission::Probe => Some(now),
    })
}

/// The moment reserved, if that is not now.
async fn rate(
    deps: &Deps,
    known: &Known,
    message: &DeliveryMessage,
    now: Timestamp,
) -> Result<Option<Timestamp>, store::Error> {
    let Some(rate) = known.endpoint.limits.rate_per_second else {
        return Ok(None);
    };
    // This is that moment.
    if message.reserved {
        return Ok(None);
    }
    let interval = Duration::from_secs(1) / rate.max(1);
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let at = deps.store.reserve_rate(network, id, interval, now).await?;
    let wait = at.since(now);
    if wait > NEAR {
        return Ok(Some(at));
    }
    tokio::time::sleep(wait).await;
    Ok(None)
}

/// A free place among `most`, looked for from a random one on.
async fn place(
    deps: &Deps,
    network: &NetworkId,
    id: EndpointId,
    most: u32,
    now: Timestamp,
) -> Result<Option<Slot>, store::Error> {
    let first = u32::from_be_bytes(deps.platform.random.bytes()) % most.max(1);
    for step in 0..PLACES_TRIED.min(most) {
        let number = (first + step) % most.max(1);
        let until = now.after(CLAIM);
        let taken = deps
            .store
            .take_slot(network, id, number, now, until)
            .await?;
        if taken.is_some() {
            return Ok(taken);
        }
    }
    Ok(None)
}

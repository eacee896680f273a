//! What an attempt means beyond its own delivery: the endpoint's health, its being disabled, and
//! news about both.
//!
//! The delivery is recorded before any of this, so what fails here costs no delivery: it is logged,
//! and the next attempt finds the same out again.

use domain::attempt::{Demand, Outcome};
use domain::endpoint::{Disabled, disabled};
use domain::health::Change;
use domain::id::EventId;
use domain::operational::News;
use domain::time::Timestamp;
use queue::Outgoing;
use store::KnownHealth;
use telemetry::event::{EndpointDisabled, EndpointHealthChanged};

use crate::Deps;
use crate::answer::Made;
use crate::endpoints::Known;
use crate::tell;

/// How often a health change is built anew on someone else's.
const MAX_ROUNDS: u32 = 3;

/// Draws the conclusions of a finished, recorded attempt.
pub(crate) async fn conclude(deps: &Deps, known: &Known, made: &Made, now: Timestamp) {
    let changed = match made.verdict.outcome {
        // The usual case: nothing was wrong, nothing is written.
        Outcome::Succeeded if is_on_record(known, now) => Ok(None),
        Outcome::Succeeded => Box::pin(succeeded(deps, known, now)).await,
        Outcome::Failed => Box::pin(failed(deps, known, made.verdict.demand, now)).await,
    };
    let change = note(deps, known, "health", changed).flatten();
    if let Some(change) = change {
        Box::pin(tell(deps, known, change, now)).await;
    }
    let reason = match (made.verdict.demand, change) {
        (Demand::Disable(reason), _) => Some(reason),
        (_, Some(Change::Exhausted)) => Some(disabled::FAILING),
        (Demand::Nothing | Demand::Slow(_), _) => None,
    };
    if let Some(reason) = reason {
        Box::pin(disable(deps, known, reason, now)).await;
    }
    certificate(deps, known, made).await;
}

/// Tells whoever subscribed. A message that the queue does not take is logged and not repeated:
/// the state it tells of can be asked for.
pub(crate) async fn report(deps: &Deps, known: &Known, news: &News, now: Timestamp) {
    let network = &known.endpoint.network;
    let id = EventId::generate(now, deps.platform.random.bytes());
    let outgoing = Outgoing::news(network, &id, news, now);
    for sent in deps.events.send(&[outgoing]).await {
        note(deps, known, "news", sent);
    }
}

/// Whether a success changes nothing.
fn is_on_record(known: &Known, now: Timestamp) -> bool {
    let before = known.health().health;
    before.succeeded(now).0 == before
}

async fn succeeded(
    deps: &Deps,
    known: &Known,
    now: Timestamp,
) -> Result<Option<Change>, store::Error> {
    let _changing = known.changing.lock().await;
    if is_on_record(known, now) {
        return Ok(None);
    }
    let before = known.health();
    let (after, change) = before.health.succeeded(now);
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    let changed = if after.is_healthy() {
        let cleared = deps.store.clear_health(network, id, before).await?;
        cleared.then(KnownHealth::default)
    } else {
        deps.store.change_health(network, id, before, after).await?
    };
    if let Some(ours) = changed {
        known.learn(ours);
        return Ok(change);
    }
    // Changed elsewhere; the next success clears it, with fresh knowledge.
    known.learn(deps.store.health(network, id).await?);
    Ok(None)
}

async fn failed(
    deps: &Deps,
    known: &Known,
    demand: Demand,
    now: Timestamp,
) -> Result<Option<Change>, store::Error> {
    let _changing = known.changing.lock().await;
    let (network, id) = (&known.endpoint.network, known.endpoint.id);
    for _ in 0..MAX_ROUNDS {
        let before = known.health();
        let (after, change) = before.health.failed(demand, now);
        if let Some(ours) = deps.store.change_health(network, id, before, after).await? {
            known.learn(ours);
            return Ok(change);
        }
        known.learn(deps.store.health(network, id).await?);
    }
    // So many others count failures that this one is not missed.
    Ok(None)
}

async fn tell(deps: &Deps, known: &Known, change: Change, now: Timestamp) {
    let event = EndpointHealthChanged {
        network: known.endpoint.network.to_string(),
        endpoint_id: known.endpoint.id.to_string(),
        change: change.word(),
    };
    deps.platform.telemetry.emit(&event, now.millis());
    let news = News::health(&known.endpoint, change, known.health().health);
    if let Some(news) = news {
        report(deps, known, &news, now).await;
    }
}

async fn disable(deps: &Deps, known: &Known, reason: &str, now: Timestamp) {
    let endpoint = &known.endpoint;
    let why = Disabled {
        reason: reason.to_owned(),
        at: now,
    };
    let done = deps
        .store
        .disable_endpoint(&endpoint.network, endpoint.id, &why)
        .await;
    // What comes next sees it, instead of what was known for another few seconds.
    deps.endpoints.forget(&endpoint.network, endpoint.id);
    if note(deps, known, "disabling", done) != Some(true) {
        return;
    }
    let event = EndpointDisabled {
        network: endpoint.network.to_string(),
        endpoint_id: endpoint.id.to_string(),
        reason: why.reason,
        endpoints_disabled: 1,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    report(deps, known, &News::disabled(endpoint, reason, now), now).await;
}

/// Keeps the end of the receiver's certificate, so that its owner can be warned in time.
async fn certificate(deps: &Deps, known: &Known, made: &Made) {
    let ends = made.attempt.tls.as_ref().and_then(|tls| tls.not_after);
    let endpoint = &known.endpoint;
    if let Some(ends) = ends.filter(|ends| endpoint.certificate_ends != Some(*ends)) {
        let (network, id) = (&endpoint.network, endpoint.id);
        let noted = Box::pin(deps.store.note_certificate(network, id, ends)).await;
        note(deps, known, "certificate", noted);
    }
}

/// The one place where an error of the aftermath ends.
fn note<T, E: std::error::Error>(
    deps: &Deps,
    known: &Known,
    what: &'static str,
    result: Result<T, E>,
) -> Option<T> {
    result
        .inspect_err(|error| tell::aftermath_failed(deps, known, what, error))
        .ok()
}

//! Whether everything accepted is still there.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::conservation::Balance;
use http_api::{Call, Failure, ProblemBody, Reply};
use store::Hour;

use super::fields::Fields;
use crate::Deps;
use crate::shape::ConservationBody;

/// What is looked at when the caller names no beginning.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// No hour is begun after this, so that the answer is in time.
const BUDGET: Duration = Duration::from_secs(8);

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/conservation",
    operation_id = "getConservation",
    tag = "Deliveries",
    summary = "Prove that nothing accepted is lost",
    description = "Counts, per endpoint, the deliveries that the plans of events name, and what stands on record for each: accepted = delivered + dead + pending + parked + discarded. A delivery without a record is named. Whole hours, by the time of fan-out.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("since" = Option<String>, Query, description = "From the hour of this moment on, RFC 3339; a day ago if absent"),
        ("until" = Option<String>, Query, description = "To the hour of this moment; now if absent"),
    ),
    responses(
        (status = 200, description = "The count", body = ConservationBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["since", "until"])?;
    let network = call.network()?;
    let now = deps.platform.clock.now();
    let mut fields = Fields::default();
    let until = fields.time("until", call.query("until"));
    let until = until.unwrap_or(now).min(now);
    let since = fields.time("since", call.query("since"));
    let since = since.unwrap_or_else(|| until.before(DAY));
    if since > until {
        let rule = "must not be after until, nor in the future";
        fields.broken("since", "range", rule);
    }
    fields.check()?;
    let (first, last) = (Hour::of(since), Hour::of(until));
    let mut hour = first;
    let mut balance = Balance::default();
    // The first in any case, so that going on where an answer ended always gets further.
    while hour <= last && (hour == first || deps.platform.clock.now().since(now) < BUDGET) {
        let entries = deps.store.ledger(hour, Some(&network)).await?;
        let events = entries.into_iter().flat_map(|entry| entry.events);
        let events: BTreeSet<_> = events.collect();
        deps.store.balance(&network, events, &mut balance).await?;
        hour = hour.next();
    }
    let rest = (hour <= last).then_some(hour);
    let body = ConservationBody::of(&balance, first.starts(), hour.starts().min(now), rest);
    Ok(Reply::json(200, &body))
}

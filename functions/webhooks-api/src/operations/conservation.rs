//! Whether everything accepted is still there.

use std::time::Duration;

use domain::conservation::Balance;
use domain::id::EventId;
use domain::network::Retention;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{Hour, Taking};

use super::fields::Fields;
use crate::Deps;
use crate::shape::{ConservationBody, Counted, Next};

/// What is looked at when the caller names no beginning.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Nothing more is counted after this, so that the answer is in time.
const BUDGET: Duration = Duration::from_secs(8);

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/conservation",
    operation_id = "getConservation",
    tag = "Deliveries",
    summary = "Prove that nothing accepted is lost",
    description = "Counts, per endpoint, the deliveries that the plans of events name, and what stands on record for each: accepted = delivered + dead + pending + parked + discarded. A delivery without a record is named. By the time of fan-out, from whole hours on. What does not fit in one answer is counted by asking again with `nextSince`, and `nextAfter` as `after`: each event is counted in one of the answers. What is older than the network keeps events cannot be known, and `since` in the answer says from when on it is.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("since" = Option<String>, Query, description = "From the hour of this moment on, RFC 3339; a day ago if absent"),
        ("until" = Option<String>, Query, description = "To the hour of this moment; now if absent"),
        ("after" = Option<String>, Query, description = "The nextAfter of the answer before: go on behind it within the hour of since"),
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
    call.only_queries(&["since", "until", "after"])?;
    let network = call.network()?;
    let now = deps.platform.clock.now();
    let retention = deps.store.network(&network).await?.rules.retention;
    let known = now.before(retention.duration());
    let asked = asked(&call, (known, retention), now)?;
    let (first, last) = (Hour::of(asked.since.max(known)), Hour::of(asked.until));
    let in_time = || deps.platform.clock.now().since(now) < BUDGET;
    let mut balance = Balance::default();
    let mut next = Next {
        hour: first,
        after: asked.after,
    };
    // Some in any case, so that going on where an answer ended always gets further.
    loop {
        let (hour, after) = (next.hour, next.after.take());
        let after = after.map(|after| (network.clone(), after));
        let Taking { events, more } = deps
            .store
            .taken_in(&[hour], Some(&network), after.as_ref(), now)
            .await?;
        let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
        let counted = deps
            .store
            .balance(&network, &events, &mut balance, in_time)
            .await?;
        if more || counted < events.len() {
            next.after = events.get(counted.saturating_sub(1)).cloned();
        } else {
            next.hour = hour.next();
        }
        if next.hour > last || !in_time() {
            break;
        }
    }
    let body = ConservationBody::of(&Counted {
        balance: &balance,
        since: first.starts().max(known),
        forgotten: (asked.since < known).then_some(retention),
        until: next.hour.starts().min(now),
        next: (next.hour <= last).then_some(&next),
    });
    Ok(Reply::json(200, &body))
}

struct Asked {
    since: Timestamp,
    until: Timestamp,
    after: Option<EventId>,
}

/// What is asked for, of a network that knows what happened since `known`.
fn asked(
    call: &Call,
    (known, retention): (Timestamp, Retention),
    now: Timestamp,
) -> Result<Asked, Problem> {
    let mut fields = Fields::default();
    let until = fields.time("until", call.query("until"));
    let until = until.unwrap_or(now).min(now);
    let since = fields.time("since", call.query("since"));
    let since = since.unwrap_or_else(|| until.before(DAY));
    if until <= known {
        let days = retention.days();
        let rule = format!("must be after {known}: the network keeps events for {days} days");
        fields.broken("until", "range", &rule);
    } else if since > until {
        let rule = "must not be after until, nor in the future";
        fields.broken("since", "range", rule);
    }
    let after = call.query("after").map(EventId::parse);
    if after == Some(None) {
        fields.broken("after", "format", "must be the nextAfter of an answer");
    }
    fields.check()?;
    Ok(Asked {
        since,
        until,
        after: after.flatten(),
    })
}

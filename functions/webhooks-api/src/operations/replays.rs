//! Replay jobs: many deliveries of one endpoint, sent again.

use std::time::Duration;

use domain::delivery;
use domain::endpoint::Endpoint;
use domain::id::{EndpointId, ReplayId};
use domain::idempotency::Idempotency;
use domain::replay::{DEFAULT_RATE, DEFAULT_STATES, Job, State, Wanted};
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use queue::Outgoing;
use queue::replay::ReplayMessage;
use store::{Before, DeliveryFilter, Order};

use super::create::MAX_BODY;
use super::endpoints::find;
use super::fields::Fields;
use crate::Deps;
use crate::shape::{CreateReplay, ReplayBody, ReplayPageBody};
use http_api::page::{cursor, limit, next_cursor};

/// How much longer than now a resumption looks: the clocks that accept events may be ahead.
const CLOCKS: Duration = Duration::from_secs(60);

/// The resolution of times.
const MOMENT: Duration = Duration::from_millis(1);

/// Nothing more is taken back after this, so that the answer is in time.
const BUDGET: Duration = Duration::from_secs(8);

/// How many deliveries are read to be taken back.
const TAKEN_AT_ONCE: usize = 500;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/replays",
    operation_id = "createReplay",
    tag = "Deliveries",
    summary = "Send many deliveries of an endpoint again",
    description = "A durable job: it goes on after any crash, queues each delivery it finds once, oldest first, to be sent at the rate asked for, to the URL the endpoint has then. `webhook-id` stays the same.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request answer with the same job, for 24 hours"),
    ),
    request_body = CreateReplay,
    responses(
        (status = 202, description = "The job; Location is where its progress is", body = ReplayBody),
        (status = "4XX", description = "Refused; nothing is sent", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `create`")]
pub(crate) fn create_doc() {}

pub(crate) async fn create(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let now = deps.platform.clock.now();
    let memory = call.idempotency(&body, now)?;
    if let Some(memory) = &memory
        && let Some(before) = deps.store.made_before(&call.network()?, memory).await?
    {
        return Ok(accepted(&again(deps, &call, memory, &before).await?));
    }
    let request: CreateReplay = parse_json(&body)?;
    let endpoint = find(deps, &call).await?;
    let wanted = wanted(&request, now)?;
    if !endpoint.is_enabled() {
        return Err(Problem::EndpointDisabled.into());
    }
    let job = new_job(deps, &endpoint, wanted);
    let before = deps.store.create_replay(&job, memory.as_ref()).await?;
    let job = match (before, &memory) {
        // A twin of this request won the race.
        (Some(before), Some(memory)) => again(deps, &call, memory, &before).await?,
        (_, memory) => {
            set_going(deps, &job, memory.as_ref()).await?;
            job
        }
    };
    Ok(accepted(&job))
}

fn accepted(job: &Job) -> Reply {
    let location = format!(
        "/v1/networks/{}/webhooks/{}/replays/{}",
        job.network, job.endpoint, job.id
    );
    Reply::json(202, &ReplayBody::of(job)).header("location", &location)
}

/// The job that an earlier request with the same `Idempotency-Key` made, as it is by now. One that
/// nobody set going is set going: the process may have died before.
async fn again(
    deps: &Deps,
    call: &Call,
    memory: &Idempotency,
    before: &Before,
) -> Result<Job, Failure> {
    if before.request_hash != memory.request_hash {
        return Err(Problem::IdempotencyMismatch.into());
    }
    let endpoint = EndpointId::parse(call.parameter("id")).ok_or(Problem::Internal)?;
    let id = ReplayId::parse(&before.made).ok_or(Problem::Internal)?;
    let found = deps.store.replay(&call.network()?, endpoint, id).await?;
    let job = found.ok_or(Problem::Internal)?;
    if job.state == State::Queued {
        set_going(deps, &job, Some(memory)).await?;
    }
    Ok(job)
}

fn wanted(request: &CreateReplay, now: Timestamp) -> Result<Wanted, Problem> {
    let mut fields = Fields::default();
    let words = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let states = words(&request.status);
    let mut states = fields.states("status", states.iter().map(String::as_str));
    if !states.iter().all(|state| state.is_replayable()) {
        let rule = "can only be delivered, dead or parked: others are under way or given up";
        fields.broken("status", "state", rule);
    }
    if states.is_empty() {
        states = DEFAULT_STATES.to_vec();
    }
    let types = words(&request.event_types);
    let since = fields.time("since", Some(&request.since));
    let until = fields.time("until", request.until.as_deref());
    let wanted = Wanted {
        since: since.unwrap_or_default(),
        // What is accepted from now on is none of the past.
        until: until.unwrap_or(now).min(now),
        states,
        event_types: fields.patterns("eventTypes", types.iter().map(String::as_str)),
        rate: fields.rate(request.rate_per_second).unwrap_or(DEFAULT_RATE),
    };
    if since.is_some() && wanted.since >= wanted.until {
        fields.broken("since", "range", "must be before until, and in the past");
    }
    fields.check()?;
    Ok(wanted)
}

/// Starts the job that resumes everything parked of an endpoint that was just enabled.
pub(crate) async fn resume(deps: &Deps, endpoint: &Endpoint) -> Result<Job, Failure> {
    let wanted = Wanted {
        since: Timestamp::EPOCH,
        until: deps.platform.clock.now().after(CLOCKS),
        states: vec![delivery::State::Parked],
        event_types: Vec::new(),
        rate: DEFAULT_RATE,
    };
    let job = new_job(deps, endpoint, wanted);
    deps.store.create_replay(&job, None).await?;
    set_going(deps, &job, None).await?;
    Ok(job)
}

fn new_job(deps: &Deps, endpoint: &Endpoint, wanted: Wanted) -> Job {
    let now = deps.platform.clock.now();
    let id = ReplayId::generate(now, deps.platform.random.bytes());
    Job::new(id, endpoint.network.clone(), endpoint.id, wanted, now)
}

/// Sets a recorded job going; a message more than needed does nothing. One that the queue does not
/// take is ended at once, and a repeat makes another.
async fn set_going(deps: &Deps, job: &Job, memory: Option<&Idempotency>) -> Result<(), Failure> {
    let message = ReplayMessage {
        network: job.network.clone(),
        endpoint: job.endpoint,
        replay: job.id,
    };
    let outgoing = Outgoing {
        body: message.write(),
        group: job.network.to_string(),
        delay: Duration::ZERO,
    };
    for sent in deps.replays.send(&[outgoing]).await {
        if let Err(error) = sent {
            let named = (&job.network, job.endpoint, job.id);
            let reason = Some("its queue did not take it");
            let now = deps.platform.clock.now();
            deps.store.stop_replay(named, reason, now).await?;
            if let Some(memory) = memory {
                deps.store.forget_made(&job.network, memory).await?;
            }
            return Err(error.into());
        }
    }
    Ok(())
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/webhooks/{id}/replays",
    operation_id = "listReplays",
    tag = "Deliveries",
    summary = "The replay jobs of an endpoint, newest first",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = ReplayPageBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["limit", "cursor"])?;
    let (limit, before) = (limit(&call)?, cursor(&call, ReplayId::parse)?);
    let endpoint =
        EndpointId::parse(call.parameter("id")).ok_or(Problem::NotFound { what: "endpoint" })?;
    let network = call.network()?;
    let page = deps
        .store
        .list_replays(&network, endpoint, before, limit)
        .await?;
    // The jobs of a deleted endpoint stay visible; one that never was gets a 404.
    if page.jobs.is_empty() && deps.store.endpoint(&network, endpoint).await?.is_none() {
        return Err(Problem::NotFound { what: "endpoint" }.into());
    }
    Ok(Reply::json(
        200,
        &ReplayPageBody {
            items: page.jobs.iter().map(ReplayBody::of).collect(),
            next_cursor: page.next.map(|id| next_cursor(&call, &id.to_string())),
        },
    ))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/webhooks/{id}/replays/{replay}",
    operation_id = "getReplay",
    tag = "Deliveries",
    summary = "How far a replay job is, and what came of what it queued",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("replay" = String, Path, description = "The job's id"),
    ),
    responses(
        (status = 200, description = "The job", body = ReplayBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let job = named(deps, &call).await?;
    shown(deps, &job).await
}

/// The job, with what came of the deliveries that it queued.
async fn shown(deps: &Deps, job: &Job) -> Result<Reply, Failure> {
    let counted = deps
        .store
        .count_deliveries(&job.network, job.endpoint, &queued_by(job))
        .await?;
    let body = ReplayBody::of(job).with_outcome(&counted);
    Ok(Reply::json(200, &body))
}

/// The deliveries that a job queued so far and that nobody replayed since.
fn queued_by(job: &Job) -> DeliveryFilter {
    let wanted = &job.wanted;
    // Of one that ended, a page may have queued more than was written down.
    let at_work = matches!(job.state, State::Queued | State::Running);
    let looked_at = job
        .cursor
        .filter(|_| at_work)
        .map(|last| last.accepted().after(MOMENT));
    DeliveryFilter {
        replayed_by: Some(job.id),
        since: Some(wanted.since),
        until: Some(looked_at.unwrap_or(wanted.until).min(wanted.until)),
        ..DeliveryFilter::default()
    }
}

/// The job named in the path.
async fn named(deps: &Deps, call: &Call) -> Result<Job, Failure> {
    const NOT_FOUND: Problem = Problem::NotFound { what: "replay job" };
    let endpoint = EndpointId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let id = ReplayId::parse(call.parameter("replay")).ok_or(NOT_FOUND)?;
    let found = deps.store.replay(&call.network()?, endpoint, id).await?;
    Ok(found.ok_or(NOT_FOUND)?)
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/webhooks/{id}/replays/{replay}/cancel",
    operation_id = "cancelReplay",
    tag = "Deliveries",
    summary = "Stop a replay job",
    description = "What it queued and nobody tried to send yet is taken back, and stands where it stood before: `takenBack` says how many that were. A job that is done has queued everything, which may be far from sent, so it can be cancelled too; one that failed cannot. What was sent, or is being sent right now, stays so. Of a very large job one call may not take back all; `outcome.pending` says how many are still to be sent, and cancelling again goes on.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("replay" = String, Path, description = "The job's id"),
    ),
    responses(
        (status = 200, description = "The job, cancelled", body = ReplayBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `cancel`")]
pub(crate) fn cancel_doc() {}

pub(crate) async fn cancel(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let job = named(deps, &call).await?;
    let now = deps.platform.clock.now();
    let stops = (&job.network, job.endpoint, job.id);
    let stopped = deps.store.stop_replay(stops, None, now).await?;
    let job = named(deps, &call).await?;
    if !stopped && job.state != State::Cancelled {
        return Err(Problem::WrongState {
            what: "replay job",
            state: job.state.word(),
            allowed: "queued, running or done",
            action: "cancelled",
        }
        .into());
    }
    let taken = take_back(deps, &job, now).await?;
    if taken > 0 {
        deps.store.count_taken_back(&job, taken).await?;
    }
    let job = named(deps, &call).await?;
    shown(deps, &job).await
}

/// Takes back what a cancelled job queued and nobody tried yet. A page that is under way takes back
/// what it queues after this.
async fn take_back(deps: &Deps, job: &Job, now: Timestamp) -> Result<u64, Failure> {
    let filter = DeliveryFilter {
        states: vec![delivery::State::Pending { next_attempt: None }],
        ..queued_by(job)
    };
    let (network, endpoint) = (&job.network, job.endpoint);
    let (mut taken, mut before) = (0, None);
    while deps.platform.clock.now().since(now) < BUDGET {
        let order = Order::NewestFirst(before);
        let page = deps
            .store
            .list_deliveries(network, endpoint, &filter, order, TAKEN_AT_ONCE)
            .await?;
        let ids: Vec<_> = page.deliveries.iter().map(|one| one.id).collect();
        taken += deps.store.take_back(network, job.id, &ids, now).await?;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(taken)
}

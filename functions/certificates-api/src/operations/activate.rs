use std::time::Duration;

use domain::credential::Record;
use domain::field::FieldError;
use domain::id::EventId;
use domain::operational::News;
use domain::push::message::Push;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use providers::{Class, Mode};
use queue::Outgoing;
use store::{ActiveSlot, Credentials, Owed};
use telemetry::chain::chain;
use telemetry::event::{CertificateActivated, RequestFailed};

use super::records::{active, named};
use super::test_send::{client, send};
use super::upload::slot;
use crate::Deps;
use crate::shape::{ActivateCertificate, CertificateBody, RollBackCertificate};

const MAX_BODY: usize = 8 * 1024;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/certificates/{id}/activate",
    operation_id = "activateCertificate",
    tag = "Certificates",
    summary = "Send with this credential from now on",
    description = "It takes the place of the active one of its platform, provider and environment, in one step; pushes that wait for a good one are sent. With `verify`, only if the provider accepts it first.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "Its id")),
    request_body(content = Option<ActivateCertificate>, content_type = "application/json"),
    responses(
        (status = 200, description = "The active credential", body = CertificateBody),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `activate`")]
pub(crate) fn activate_doc() {}

pub(crate) async fn activate(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: ActivateCertificate = if body.is_empty() {
        ActivateCertificate::default()
    } else {
        parse_json(&body)?
    };
    let stored = deps.store.credentials(&call.network()?).await?;
    let record = named(&call, &stored)?;
    check_dates(record, deps.platform.clock.now())?;
    let token = request.verify.map(|verify| verify.device_token);
    verify(deps, record, token.as_deref()).await?;
    switch(deps, &stored, record).await
}

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/certificates/rollback",
    operation_id = "rollBackCertificate",
    tag = "Certificates",
    summary = "Send with the credential before the active one again",
    params(("network" = String, Path, description = "The network (tenant)")),
    request_body = RollBackCertificate,
    responses(
        (status = 200, description = "The active credential", body = CertificateBody),
        (status = "4XX", description = "Refused, also when there was none before or it is gone; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `roll_back`")]
pub(crate) fn roll_back_doc() {}

pub(crate) async fn roll_back(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: RollBackCertificate = parse_json(&body)?;
    let mut errors = Vec::new();
    let slot = slot(
        &request.platform,
        &request.provider,
        &request.environment,
        &mut errors,
    );
    let slot = slot.ok_or(Problem::InvalidFields(errors))?;
    let stored = deps.store.credentials(&call.network()?).await?;
    let current = stored.active.iter().find(|active| active.slot == slot);
    let previous = current.and_then(|active| active.previous);
    let record = stored.records.iter().find(|one| Some(one.id) == previous);
    let record = record.ok_or(Problem::NotFound {
        what: "earlier certificate for this place",
    })?;
    check_dates(record, deps.platform.clock.now())?;
    verify(deps, record, None).await?;
    switch(deps, &stored, record).await
}

/// One that has ended since it was uploaded would only fail.
fn check_dates(record: &Record, now: Timestamp) -> Result<(), Problem> {
    match record.facts.expires {
        Some(at) if at <= now => {
            let message = format!("ended at {at}; upload its successor");
            let error = FieldError::new("", "expired", message);
            Err(Problem::certificate_refused(error))
        }
        Some(_) | None => Ok(()),
    }
}

/// Sees that the material is there and, with a device's token, that the provider accepts it.
async fn verify(deps: &Deps, record: &Record, token: Option<&str>) -> Result<(), Failure> {
    let client = client(deps, record).await?;
    let Some(token) = token else {
        return Ok(());
    };
    // APNs and Baidu know no dry run, so the push shows nothing.
    let push = Push {
        silent: true,
        ttl: Some(Duration::ZERO),
        ..Push::default()
    };
    let field = "verify.deviceToken";
    let answer = send(deps, record, &client, &push, (field, token), Mode::DryRun).await?;
    if answer.class == Class::Delivered {
        return Ok(());
    }
    let message = format!(
        "the provider did not accept a push: {} ({})",
        answer.meaning, answer.reason
    );
    let error = FieldError::new(field, answer.class.word(), message);
    Err(Problem::certificate_refused(error).into())
}

async fn switch(deps: &Deps, stored: &Credentials, record: &Record) -> Result<Reply, Failure> {
    let now = deps.platform.clock.now();
    if let Some(already) = active(stored, record).filter(|active| active.paused.is_none()) {
        // Activated by a request that may have ended before it told anybody.
        tell(deps, record, already, now).await;
        return Ok(shown(record, already, now));
    }
    let before = stored.active.iter().find(|one| one.slot == record.slot);
    let mut next = ActiveSlot::activated(record, before, now);
    next.owed.push(Owed {
        id: EventId::generate(now, deps.platform.random.bytes()),
        news: News::credential_activated(record, next.previous),
        at: now,
    });
    if !deps
        .store
        .activate_credential(record, before, &next)
        .await?
    {
        return Err(Problem::PreconditionFailed.into());
    }
    let event = CertificateActivated {
        network: record.network.to_string(),
        certificate_id: record.id.to_string(),
        slot: record.slot.to_string(),
        version: next.version,
    };
    deps.platform.telemetry.emit(&event, now.millis());
    tell(deps, record, &next, now).await;
    Ok(shown(record, &next, now))
}

fn shown(record: &Record, active: &ActiveSlot, now: Timestamp) -> Reply {
    Reply::json(200, &CertificateBody::of(record, Some(active), now))
}

/// Tells what the slot owes. The activation stands whether the queue takes it or not; what is still owed
/// then, the network's next push tells.
async fn tell(deps: &Deps, record: &Record, active: &ActiveSlot, now: Timestamp) {
    for owed in &active.owed {
        if let Err(error) = tell_one(deps, record, owed).await {
            let event = RequestFailed {
                operation: "reportNews",
                request_id: None,
                error,
            };
            deps.platform.telemetry.emit(&event, now.millis());
        }
    }
}

async fn tell_one(deps: &Deps, record: &Record, owed: &Owed) -> Result<(), String> {
    let outgoing = Outgoing::news(&record.network, &owed.id, &owed.news, owed.at);
    for sent in deps.events.send(&[outgoing]).await {
        sent.map_err(|error| chain(&error))?;
    }
    let told = deps.store.told(&record.network, record.slot, &owed.id);
    told.await.map_err(|error| chain(&error))
}

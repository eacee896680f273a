use credential::Verdict;
use domain::credential::Record;
use domain::field::FieldError;
use domain::id::{CredentialId, NetworkId};
use domain::idempotency::Idempotency;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{Credentials, Dated, Kept};
use telemetry::event::CertificateJudged;

use super::upload::{judged, read};
use crate::Deps;
use crate::shape::{CertificateBody, CreateCertificate, CreatedCertificate, WarningBody};

/// Most credentials of a network: a handful of applications for years.
const MAX_CREDENTIALS: u32 = 100;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/certificates",
    operation_id = "createCertificate",
    tag = "Certificates",
    summary = "Upload a push credential",
    description = "It is judged at once, and stored when nothing refuses it. It sends nothing before it is activated. The same material for the same place is refused as a duplicate.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request answer the same, for 24 hours"),
    ),
    request_body(content(
        (CreateCertificate = "application/json"),
        (CreateCertificate = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "Taken", body = CreatedCertificate),
        (status = "4XX", description = "Refused, with every verdict; nothing was stored", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `create`")]
pub(crate) fn create_doc() {}

pub(crate) async fn create(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let (request, json) = read(&call)?;
    let now = deps.platform.clock.now();
    let memory = call.idempotency(&json, now)?;
    drop(json);
    if let Some(reply) = made_before(deps, &network, memory.as_ref(), &request).await? {
        return Ok(reply);
    }
    let outcome = judged(&request, now);
    let refused_for = match &outcome {
        Err(Problem::CertificateRefused { errors, .. }) => {
            errors.iter().map(|one| one.rule).collect()
        }
        Ok(_) | Err(_) => Vec::new(),
    };
    let event = CertificateJudged {
        network: network.to_string(),
        refused_for: refused_for.join(" "),
    };
    deps.platform.telemetry.emit(&event, now.millis());
    let (place, good) = outcome?;
    let record = Record {
        id: CredentialId::generate(now, deps.platform.random.bytes()),
        network: network.clone(),
        name: place.name,
        slot: place.slot,
        facts: good.facts,
        created: now,
    };
    let stored = deps.store.credentials(&network).await?;
    if let Err(refused) = check_new(&record, &stored) {
        // Its twin may have been stored since this request asked.
        let twin = made_before(deps, &network, memory.as_ref(), &request).await?;
        return twin.ok_or_else(|| refused.into());
    }
    // The material first: a record without it could never be activated, while material without a
    // record harms nobody.
    let text = good.credential.to_text();
    deps.vault
        .keep_credential(&network, record.id, &text)
        .await?;
    if let Some(ends) = record.facts.expires {
        let subject = Dated::Credential(record.id);
        deps.store.watch_expiry(&network, subject, ends).await?;
    }
    let memory = memory.as_ref();
    let kept = match deps.store.put_credential(&record, memory).await {
        Ok(Kept::New) => return Ok(created(&record, &good.warnings, now)),
        // It may be stored all the same, and then needs its material.
        Err(error) if !error.changed_nothing() => return Err(error.into()),
        // A twin of this request won the race, or it got no turn.
        refused => refused,
    };
    deps.store
        .forget_expiry(&network, Dated::Credential(record.id))
        .await?;
    deps.vault.forget_credential(&network, record.id).await?;
    if let Kept::Duplicate(twin) = kept? {
        return Err(duplicate(twin).into());
    }
    let twin = made_before(deps, &network, memory, &request).await?;
    twin.ok_or_else(|| Problem::Internal.into())
}

fn created(record: &Record, warnings: &[Verdict], now: Timestamp) -> Reply {
    let body = CreatedCertificate {
        certificate: CertificateBody::of(record, None, now),
        warnings: warnings.iter().map(WarningBody::of).collect(),
    };
    let place = format!("/v1/networks/{}/certificates/{}", record.network, record.id);
    Reply::json(201, &body).header("location", &place)
}

/// The answer that an earlier request with the same `Idempotency-Key` got.
async fn made_before(
    deps: &Deps,
    network: &NetworkId,
    memory: Option<&Idempotency>,
    request: &CreateCertificate,
) -> Result<Option<Reply>, Failure> {
    let Some(memory) = memory else {
        return Ok(None);
    };
    let Some(before) = deps.store.made_before(network, memory).await? else {
        return Ok(None);
    };
    if before.request_hash != memory.request_hash {
        return Err(Problem::IdempotencyMismatch.into());
    }
    let id = CredentialId::parse(&before.made).ok_or(Problem::Internal)?;
    let record = deps.store.credential(network, id).await?;
    let record = record.ok_or(Problem::MadeAndDeleted {
        what: "certificate",
    })?;
    // What was good then may have ended since; it was made all the same.
    let warnings = judged(request, memory.now).map(|(_, good)| good.warnings);
    let reply = created(&record, &warnings.unwrap_or_default(), memory.now);
    Ok(Some(reply))
}

fn check_new(record: &Record, stored: &Credentials) -> Result<(), Problem> {
    let same = |one: &&Record| {
        one.slot == record.slot
            && one.facts.fingerprint == record.facts.fingerprint
            && one.facts.bundle_id == record.facts.bundle_id
            && one.facts.project_id == record.facts.project_id
    };
    if let Some(known) = stored.records.iter().find(same) {
        return Err(duplicate(known.id));
    }
    let most = usize::try_from(MAX_CREDENTIALS).unwrap_or(usize::MAX);
    if stored.records.len() >= most {
        return Err(Problem::LimitReached {
            what: "certificates",
            most: MAX_CREDENTIALS,
        });
    }
    Ok(())
}

fn duplicate(known: CredentialId) -> Problem {
    let message = format!("is stored already, as {known}");
    Problem::certificate_refused(FieldError::new("", "duplicate", message))
}

use domain::credential::Record;
use domain::field::FieldError;
use domain::id::CredentialId;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{Credentials, Dated};
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
    params(("network" = String, Path, description = "The network (tenant)")),
    request_body(content(
        (CreateCertificate = "application/json"),
        (CreateCertificate = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "Taken", body = CreatedCertificate),
        (status = "4XX", description = "Refused, with every verdict; nothing was stored", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `create`")]
pub(crate) fn create_doc() {}

pub(crate) async fn create(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let request = read(&call)?;
    let now = deps.platform.clock.now();
    let outcome = judged(&request, now);
    let refused_for = match &outcome {
        Err(Problem::CertificateRefused(errors)) => errors.iter().map(|one| one.rule).collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let event = CertificateJudged {
        network: network.to_string(),
        refused_for: refused_for.join(" "),
    };
    deps.platform.telemetry.emit(&event, now.millis());
    let (place, good) = outcome?;
    drop::<CreateCertificate>(request);

    let record = Record {
        id: CredentialId::generate(now, deps.platform.random.bytes()),
        network: network.clone(),
        name: place.name,
        slot: place.slot,
        facts: good.facts,
        created: now,
    };
    let stored = deps.store.credentials(&network).await?;
    check_new(&record, &stored)?;
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
    deps.store.put_credential(&record).await?;
    let body = CreatedCertificate {
        certificate: CertificateBody::of(&record, None, now),
        warnings: good.warnings.iter().map(WarningBody::of).collect(),
    };
    let place = format!("/v1/networks/{network}/certificates/{}", record.id);
    Ok(Reply::json(201, &body).header("location", &place))
}

fn check_new(record: &Record, stored: &Credentials) -> Result<(), Problem> {
    let same = |one: &&Record| {
        one.slot == record.slot
            && one.facts.fingerprint == record.facts.fingerprint
            && one.facts.bundle_id == record.facts.bundle_id
            && one.facts.project_id == record.facts.project_id
    };
    if let Some(known) = stored.records.iter().find(same) {
        let message = format!("is stored already, as {}", known.id);
        let error = FieldError::new("", "duplicate", message);
        return Err(Problem::CertificateRefused(vec![error]));
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

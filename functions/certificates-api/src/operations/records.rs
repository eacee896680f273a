use domain::credential::Record;
use domain::id::CredentialId;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{ActiveSlot, Credentials};

use crate::Deps;
use crate::shape::{CertificateBody, CertificateList};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/certificates",
    operation_id = "listCertificates",
    tag = "Certificates",
    summary = "The push credentials, with days to expiry",
    params(("network" = String, Path, description = "The network (tenant)")),
    responses(
        (status = 200, description = "Oldest first", body = CertificateList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let stored = deps.store.credentials(&call.network()?).await?;
    let now = deps.platform.clock.now();
    let records = stored.records.iter();
    let items = records.map(|record| CertificateBody::of(record, active(&stored, record), now));
    let items = items.collect();
    Ok(Reply::json(200, &CertificateList { items }))
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/certificates/{id}",
    operation_id = "getCertificate",
    tag = "Certificates",
    summary = "One push credential",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "What it says about itself", body = CertificateBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let stored = deps.store.credentials(&call.network()?).await?;
    let record = named(&call, &stored)?;
    let now = deps.platform.clock.now();
    let body = CertificateBody::of(record, active(&stored, record), now);
    Ok(Reply::json(200, &body))
}

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/certificates/{id}",
    operation_id = "deleteCertificate",
    tag = "Certificates",
    summary = "Delete a push credential",
    description = "Not the active one: activate another first. Its material goes after seven days.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "Deleted"),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `delete`")]
pub(crate) fn delete_doc() {}

pub(crate) async fn delete(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let stored = deps.store.credentials(&network).await?;
    let record = named(&call, &stored)?;
    // Asked again in the transaction, for one that is activated meanwhile.
    if active(&stored, record).is_some() || !deps.store.delete_credential(record).await? {
        return Err(Problem::CertificateActive.into());
    }
    deps.vault.forget_credential(&network, record.id).await?;
    Ok(Reply::no_content())
}

/// The credential named in the path.
pub(super) fn named<'a>(call: &Call, stored: &'a Credentials) -> Result<&'a Record, Problem> {
    let id = CredentialId::parse(call.parameter("id"));
    let found = stored.records.iter().find(|record| Some(record.id) == id);
    found.ok_or(Problem::NotFound {
        what: "certificate",
    })
}

/// The slot that the credential is active in.
pub(super) fn active<'a>(stored: &'a Credentials, record: &Record) -> Option<&'a ActiveSlot> {
    let mut slots = stored.active.iter();
    slots.find(|active| active.credential == record.id)
}

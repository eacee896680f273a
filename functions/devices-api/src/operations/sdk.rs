//! The paths that SDKs made for social.plus call. Their key is in `X-API-Key` and names the
//! network, because the path does not.

use domain::field::FieldError;
use http_api::{Call, Failure, Problem, ProblemBody, Reply};

use super::devices::{register_one, remove_one};
use crate::Deps;
use crate::shape::{RegisterDevice, SdkDone};

const DONE: SdkDone = SdkDone { status: "success" };

#[utoipa::path(
    post,
    path = "/v1/notification",
    operation_id = "registerDeviceBySdk",
    tag = "Devices",
    summary = "Register a device, as SDKs for social.plus do",
    description = "The same as registerDevice. Whoever holds the key can register a device for any user: make a key with nothing but devices:write for it, and prefer to register from your own server.",
    request_body = RegisterDevice,
    responses(
        (status = 200, description = "Registered", body = SdkDone),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("sdkKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `register`")]
pub(crate) fn register_doc() {}

pub(crate) async fn register(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    register_one(deps, &call).await?;
    Ok(Reply::json(200, &DONE))
}

#[utoipa::path(
    delete,
    path = "/v1/notification",
    operation_id = "removeDeviceBySdk",
    tag = "Devices",
    summary = "Remove a device, as SDKs for social.plus do",
    params(
        ("deviceId" = String, Query, description = "The device's id"),
        ("userId" = Option<String>, Query, description = "Taken and not used: a device has one user"),
    ),
    responses(
        (status = 200, description = "Removed", body = SdkDone),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("sdkKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `remove`")]
pub(crate) fn remove_doc() {}

pub(crate) async fn remove(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["deviceId", "userId"])?;
    let id = call.query("deviceId").ok_or_else(|| {
        let error = FieldError::new("deviceId", "required", "is required, as a query parameter");
        Problem::InvalidFields(vec![error])
    })?;
    remove_one(deps, &call.network()?, id).await?;
    Ok(Reply::json(200, &DONE))
}

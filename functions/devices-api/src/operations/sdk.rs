//! The paths that SDKs made for social.plus call. Their key is in `X-API-Key` and names the
//! network, because the path does not. What they are answered has the form they know, and what they
//! send beside what is needed is not looked at: releases of them differ.

use domain::field::FieldError;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};

use super::devices::{MAX_BODY, register_one, remove_one};
use crate::Deps;
use crate::shape::{SdkDetail, SdkDevice, SdkDone, SdkKeyRefused, SdkRefused};

pub(crate) const PATH: &str = "/v1/notification";

const DONE: SdkDone = SdkDone { status: "success" };

#[utoipa::path(
    post,
    path = "/v1/notification",
    operation_id = "registerDeviceBySdk",
    tag = "Devices",
    summary = "Register a device, as SDKs for social.plus do",
    description = "The same as registerDevice. Whoever holds the key can register a device for any user: make a key with nothing but devices:write for it, and prefer to register from your own server.",
    request_body = SdkDevice,
    responses(
        (status = 200, description = "Registered", body = SdkDone),
        (status = 400, description = "Some fields break a rule, or the body is not JSON; nothing was changed", body = SdkRefused),
        (status = 401, description = "No key in `X-API-Key`. The gateway refuses it: on AWS with a body that has only `message`, on one machine with a problem that has it too", content((SdkKeyRefused = "application/json"), (ProblemBody = "application/problem+json"))),
        (status = 403, description = "The key is unknown, or is not for this. An unknown one is refused by the gateway: on AWS with a body that has only `message`, on one machine with a problem that has it too", content((SdkKeyRefused = "application/json"), (ProblemBody = "application/problem+json"))),
        (status = "4XX", description = "Refused; nothing was changed", body = SdkRefused),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = SdkRefused),
    ),
    security(("sdkKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `register`")]
pub(crate) fn register_doc() {}

pub(crate) async fn register(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    let told: SdkDevice = parse_json(&call.body(MAX_BODY)?)?;
    register_one(deps, &call.network()?, &told.into()).await?;
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
        (status = 400, description = "There is no `deviceId`", body = SdkRefused),
        (status = 401, description = "No key in `X-API-Key`. The gateway refuses it: on AWS with a body that has only `message`, on one machine with a problem that has it too", content((SdkKeyRefused = "application/json"), (ProblemBody = "application/problem+json"))),
        (status = 403, description = "The key is unknown, or is not for this. An unknown one is refused by the gateway: on AWS with a body that has only `message`, on one machine with a problem that has it too", content((SdkKeyRefused = "application/json"), (ProblemBody = "application/problem+json"))),
        (status = "4XX", description = "Refused; 404 when there is no such device", body = SdkRefused),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = SdkRefused),
    ),
    security(("sdkKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `remove`")]
pub(crate) fn remove_doc() {}

pub(crate) async fn remove(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    let id = call.query("deviceId").ok_or_else(|| {
        let error = FieldError::new("deviceId", "required", "is required, as a query parameter");
        Problem::InvalidFields(vec![error])
    })?;
    remove_one(deps, &call.network()?, id).await?;
    Ok(Reply::json(200, &DONE))
}

/// A problem in the form of social.plus: its codes, and 400 for whatever the caller can mend.
pub(crate) fn refused(problem: &Problem) -> Reply {
    let body = problem.body();
    let (status, code) = match body.status {
        401 => (401, 400_100),
        403 => (403, 400_300),
        404 => (404, 400_400),
        // Neither is in their list: the status says it.
        status @ (405 | 413) => (status, 400_000),
        status if status >= 500 => (status, 500_000),
        _ => (400, 400_000),
    };
    let says_all = matches!(
        problem,
        Problem::MalformedJson(_) | Problem::InvalidFields(_) | Problem::NotFound { .. }
    );
    let message = if says_all {
        body.detail
    } else {
        format!("{}: {}", body.title, body.detail)
    };
    let told = SdkRefused {
        status: "error",
        code,
        message,
        data: SdkDetail {
            detail: body.errors,
        },
    };
    problem.in_form(status, &told)
}

use domain::id::NetworkId;
use domain::push::device::{DeviceId, UserId};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};

use super::fields::Fields;
use crate::Deps;
use crate::shape::{DeviceBody, DeviceList, RegisterDevice, RegisteredDevice};

/// Largest request of this API: preferences name at most 38 events.
pub(crate) const MAX_BODY: usize = 16 * 1024;

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/devices",
    operation_id = "registerDevice",
    tag = "Devices",
    summary = "Register a device for a user",
    description = "The device, and its token, leave whoever had them. Of more than 20 the one registered longest ago leaves. The same again refreshes it.",
    params(("network" = String, Path, description = "The network (tenant)")),
    request_body = RegisterDevice,
    responses(
        (status = 201, description = "Registered", body = RegisteredDevice),
        (status = 200, description = "Registered again", body = RegisteredDevice),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `register`")]
pub(crate) fn register_doc() {}

pub(crate) async fn register(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let network = call.network()?;
    let body = call.body(MAX_BODY)?;
    let (new, body) = register_one(deps, &network, &parse_json(&body)?).await?;
    Ok(Reply::json(if new { 201 } else { 200 }, &body))
}

pub(super) async fn register_one(
    deps: &Deps,
    network: &NetworkId,
    request: &RegisterDevice,
) -> Result<(bool, RegisteredDevice), Failure> {
    let mut fields = Fields::default();
    let found = fields.device(request, deps.platform.clock.now());
    fields.check()?;
    let (user, device) = found.ok_or(Problem::Internal)?;
    let registered = deps.store.register_device(network, &user, &device).await?;
    let body = RegisteredDevice {
        device: DeviceBody::of(&device),
        moved: !registered.left.is_empty(),
        dropped_device_ids: registered.dropped.iter().map(ToString::to_string).collect(),
    };
    Ok((registered.new, body))
}

#[utoipa::path(
    delete,
    path = "/v1/networks/{network}/devices/{deviceId}",
    operation_id = "removeDevice",
    tag = "Devices",
    summary = "Remove a device",
    params(("network" = String, Path, description = "The network (tenant)"), ("deviceId" = String, Path, description = "The device's id")),
    responses(
        (status = 204, description = "Removed"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `remove`")]
pub(crate) fn remove_doc() {}

pub(crate) async fn remove(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    remove_one(deps, &call.network()?, call.parameter("deviceId")).await?;
    Ok(Reply::no_content())
}

pub(super) async fn remove_one(deps: &Deps, network: &NetworkId, id: &str) -> Result<(), Failure> {
    const NOT_FOUND: Problem = Problem::NotFound { what: "device" };
    let id = DeviceId::parse(id).ok_or(NOT_FOUND)?;
    if deps.store.remove_device(network, &id, None).await? {
        Ok(())
    } else {
        Err(NOT_FOUND.into())
    }
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/users/{userId}/devices",
    operation_id = "listDevices",
    tag = "Devices",
    summary = "The devices of a user",
    params(("network" = String, Path, description = "The network (tenant)"), ("userId" = String, Path, description = "The user's id")),
    responses(
        (status = 200, description = "At most 20; none for a user nobody told of", body = DeviceList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let user = user(&call)?;
    let stored = deps.store.recipient(&call.network()?, &user).await?;
    let items = stored.recipient.devices.iter().map(DeviceBody::of);
    Ok(Reply::json(
        200,
        &DeviceList {
            items: items.collect(),
        },
    ))
}

/// The user named in the path.
pub(super) fn user(call: &Call) -> Result<UserId, Problem> {
    UserId::parse(call.parameter("userId")).ok_or(Problem::NotFound { what: "user" })
}

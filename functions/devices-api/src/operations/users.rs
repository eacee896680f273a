use domain::push::preference::{MAX_PLACES, PlaceKind};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};

use super::devices::{MAX_BODY, user};
use super::fields::Fields;
use super::places::place;
use crate::Deps;
use crate::shape::{PlaceSettings, UserSettings};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/users/{userId}/push-settings",
    operation_id = "getUserPushSettings",
    tag = "Devices",
    summary = "What a user decided about all pushes",
    params(("network" = String, Path, description = "The network (tenant)"), ("userId" = String, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The settings; everything is on for a user nobody told of", body = UserSettings),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let stored = deps
        .store
        .recipient(&call.network()?, &user(&call)?)
        .await?;
    Ok(Reply::json(
        200,
        &UserSettings::of(&stored.recipient.preferences),
    ))
}

#[utoipa::path(
    put,
    path = "/v1/networks/{network}/users/{userId}/push-settings",
    operation_id = "putUserPushSettings",
    tag = "Devices",
    summary = "Decide about all pushes of a user",
    description = "Replaces what was decided: whatever is left out is on again, be it `enabled` or a module. To change one module, send the others as they were read.",
    params(("network" = String, Path, description = "The network (tenant)"), ("userId" = String, Path, description = "The user's id")),
    request_body = UserSettings,
    responses(
        (status = 200, description = "The settings as they are now", body = UserSettings),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `put`")]
pub(crate) fn put_doc() {}

pub(crate) async fn put(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let (network, user) = (call.network()?, user(&call)?);
    let body = call.body(MAX_BODY)?;
    let request: UserSettings = parse_json(&body)?;
    let mut fields = Fields::default();
    let modules_off = fields.modules_off(&request.modules);
    fields.check()?;
    let changed = deps
        .store
        .change_preferences(&network, &user, None, |preferences| {
            preferences.off = !request.enabled;
            preferences.modules_off.clone_from(&modules_off);
            true
        });
    let preferences = changed.await?.ok_or(Problem::Internal)?;
    Ok(Reply::json(200, &UserSettings::of(&preferences)))
}

macro_rules! place_docs {
    ($kind:literal, $kinds:literal, $id:literal, $get:ident $get_id:literal, $put:ident $put_id:literal) => {
        #[utoipa::path(
            get,
            path = concat!("/v1/networks/{network}/users/{userId}/", $kinds, "/{", $id, "}/push-settings"),
            operation_id = $get_id,
            tag = "Devices",
            summary = concat!("What a user decided about a ", $kind),
            params(("network" = String, Path, description = "The network (tenant)"), ("userId" = String, Path, description = "The user's id"), ($id = String, Path, description = "Its id")),
            responses(
                (status = 200, description = "The settings; everything is at its default where nothing was decided", body = PlaceSettings),
                (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
            ),
            security(("apiKey" = []))
        )]
        #[expect(dead_code, reason = "carries the OpenAPI description of `get_place`")]
        pub(crate) fn $get() {}

        #[utoipa::path(
            put,
            path = concat!("/v1/networks/{network}/users/{userId}/", $kinds, "/{", $id, "}/push-settings"),
            operation_id = $put_id,
            tag = "Devices",
            summary = concat!("Decide about a ", $kind, " for a user"),
            description = "Replaces what was decided: a `mode` that is left out is `default` again, an event that is left out is on again.",
            params(("network" = String, Path, description = "The network (tenant)"), ("userId" = String, Path, description = "The user's id"), ($id = String, Path, description = "Its id")),
            request_body = PlaceSettings,
            responses(
                (status = 200, description = "The settings as they are now", body = PlaceSettings),
                (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
                (status = 503, description = "Others kept changing the same; nothing was changed, repeat", body = ProblemBody, content_type = "application/problem+json"),
            ),
            security(("apiKey" = []))
        )]
        #[expect(dead_code, reason = "carries the OpenAPI description of `put_place`")]
        pub(crate) fn $put() {}
    };
}

place_docs!("channel", "channels", "channelId", get_channel_doc "getUserChannelPushSettings", put_channel_doc "putUserChannelPushSettings");
place_docs!("community", "communities", "communityId", get_community_doc "getUserCommunityPushSettings", put_community_doc "putUserCommunityPushSettings");

pub(crate) async fn get_place(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let place = place(&call)?;
    let stored = deps
        .store
        .recipient(&call.network()?, &user(&call)?)
        .await?;
    let decided = stored.recipient.preferences.place(&place);
    Ok(Reply::json(200, &PlaceSettings::of(place.kind, &decided)))
}

pub(crate) async fn put_place(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let (network, user, place) = (call.network()?, user(&call)?, place(&call)?);
    let body = call.body(MAX_BODY)?;
    let request: PlaceSettings = parse_json(&body)?;
    let mut fields = Fields::default();
    let decided = fields.place(place.kind, &request);
    fields.check()?;
    let change = deps
        .store
        .change_preferences(&network, &user, Some(&place), |preferences| {
            preferences.set_place(&place, decided.clone())
        });
    if change.await?.is_none() {
        return Err(too_many(place.kind).into());
    }
    Ok(Reply::json(200, &PlaceSettings::of(place.kind, &decided)))
}

fn too_many(kind: PlaceKind) -> Problem {
    let field = match kind {
        PlaceKind::Channel => "channelId",
        PlaceKind::Community => "communityId",
    };
    let message = format!(
        "a user may have settings for at most {MAX_PLACES} channels and communities; set another back to its default"
    );
    Problem::InvalidFields(vec![domain::field::FieldError::new(
        field, "count", message,
    )])
}

use domain::push::preference::{Place, PlaceKind};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};

use super::devices::MAX_BODY;
use super::fields::Fields;
use crate::Deps;
use crate::shape::PlaceMode;

macro_rules! docs {
    ($kind:literal, $kinds:literal, $id:literal, $get:ident $get_id:literal, $put:ident $put_id:literal) => {
        #[utoipa::path(
            get,
            path = concat!("/v1/networks/{network}/", $kinds, "/{", $id, "}/push-settings"),
            operation_id = $get_id,
            tag = "Push settings",
            summary = concat!("Whom a ", $kind, " tells"),
            params(("network" = String, Path, description = "The network (tenant)"), ($id = String, Path, description = "Its id")),
            responses(
                (status = 200, description = "Its mode; default where none was set", body = PlaceMode),
                (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
            ),
            security(("apiKey" = []))
        )]
        #[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
        pub(crate) fn $get() {}

        #[utoipa::path(
            put,
            path = concat!("/v1/networks/{network}/", $kinds, "/{", $id, "}/push-settings"),
            operation_id = $put_id,
            tag = "Push settings",
            summary = concat!("Say whom a ", $kind, " tells"),
            params(("network" = String, Path, description = "The network (tenant)"), ($id = String, Path, description = "Its id")),
            request_body = PlaceMode,
            responses(
                (status = 200, description = "Its mode as it is now", body = PlaceMode),
                (status = "4XX", description = "Refused; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
            ),
            security(("apiKey" = []))
        )]
        #[expect(dead_code, reason = "carries the OpenAPI description of `put`")]
        pub(crate) fn $put() {}
    };
}

docs!("channel", "channels", "channelId", get_channel_doc "getChannelPushSettings", put_channel_doc "putChannelPushSettings");
docs!("community", "communities", "communityId", get_community_doc "getCommunityPushSettings", put_community_doc "putCommunityPushSettings");

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let mode = deps
        .store
        .place_mode(&call.network()?, &place(&call)?)
        .await?;
    let mode = mode.word().to_owned();
    Ok(Reply::json(200, &PlaceMode { mode }))
}

pub(crate) async fn put(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let (network, place) = (call.network()?, place(&call)?);
    let body = call.body(MAX_BODY)?;
    let request: PlaceMode = parse_json(&body)?;
    let mut fields = Fields::default();
    let mode = fields.mode(&request.mode);
    fields.check()?;
    deps.store.set_place_mode(&network, &place, mode).await?;
    Ok(Reply::json(200, &request))
}

/// The channel or community named in the path.
pub(super) fn place(call: &Call) -> Result<Place, Problem> {
    for (kind, name) in [
        (PlaceKind::Channel, "channelId"),
        (PlaceKind::Community, "communityId"),
    ] {
        let id = call.parameter(name);
        if !id.is_empty() {
            let what = kind.word();
            return Place::parse(kind, id).ok_or(Problem::NotFound { what });
        }
    }
    Err(Problem::UnknownPath)
}

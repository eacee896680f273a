use std::collections::BTreeMap;

use domain::credential::{Platform, Provider, Slot};
use domain::event_type::EventType;
use domain::field::FieldError;
use domain::push::device::{Locale, Token, slot};
use domain::push::render::render;
use domain::push::request::{Content, Request};
use domain::push::settings::Settings;
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use providers::{MessageId, Order, Unbuildable, Written, written};
use serde_json::{Map, Value};

use super::settings::stored;
use crate::Deps;
use crate::shape::{PreviewBody, PreviewRequest};

const MAX_BODY: usize = 64 * 1024;

/// Stands for the token of the device, which preview has not.
const TOKEN: &str = "DEVICE_TOKEN";

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/push-settings/preview",
    operation_id = "previewPush",
    tag = "Push settings",
    summary = "What a device would be sent",
    description = "Renders the texts in force and builds the provider's payload as it is built for a device. Nothing is sent, and no gate is asked.",
    params(("network" = String, Path, description = "The network (tenant)")),
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "The payload, byte for byte", body = PreviewBody),
        (status = "4XX", description = "Refused, also when the provider takes no such payload", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `preview`")]
pub(crate) fn preview_doc() {}

pub(crate) async fn preview(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: PreviewRequest = parse_json(&body)?;
    let asked = Asked::parse(request)?;
    let current = deps.store.push_settings(&call.network()?).await?;
    let settings = stored(&current)?;

    let event = asked.content.notifiable(&asked.event);
    let push = render(&settings, event, &asked.content, asked.locale.as_ref());
    let now = deps.platform.clock.now();
    let provider = asked.slot.provider();
    // Apple's tokens are hexadecimal, and are in the path only.
    let token = Token::parse(TOKEN, Provider::Fcm).ok_or(Problem::Internal)?;
    let order = Order {
        push: &push,
        platform: asked.slot.platform(),
        token: &token,
        id: MessageId::from_bytes([0; 16]),
        accepted: now,
    };
    let written = written(provider, &order, now).map_err(|why| unbuildable(&why))?;
    let texts = texts(&settings, &asked);
    Ok(Reply::json(200, &shown(provider, written, texts)))
}

/// What a preview is about, parsed.
struct Asked {
    event: EventType,
    slot: Slot,
    locale: Option<Locale>,
    content: Content,
}

impl Asked {
    fn parse(request: PreviewRequest) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut take = |field: &str, rule: &str| {
            errors.push(FieldError::new(field, "format", rule));
        };
        let event = EventType::parse(&request.event);
        if event.is_none() {
            take("event", EventType::RULE);
        }
        let locale = request.locale.as_deref().map(Locale::parse);
        if locale == Some(None) {
            take("locale", Locale::RULE);
        }
        let platform = Platform::parse(&request.platform);
        if platform.is_none() {
            take("platform", "must be ios or android");
        }
        let provider = request.provider.as_deref().map(Provider::parse);
        if provider == Some(None) {
            take("provider", "must be apns, fcm or baidu");
        }
        let slot = platform.and_then(|platform| slot(platform, provider.flatten(), None));
        if slot.is_none() && platform.is_some() && provider != Some(None) {
            take("provider", Slot::RULE);
        }
        let content = content(request, event.as_ref(), &mut errors);
        match (event, slot, content) {
            (Some(event), Some(slot), Some(content)) if errors.is_empty() => Ok(Self {
                event,
                slot,
                locale: locale.flatten(),
                content,
            }),
            _ => Err(Problem::InvalidFields(errors)),
        }
    }
}

/// The push as an event would carry it, judged by the rules for events.
fn content(
    request: PreviewRequest,
    event: Option<&EventType>,
    errors: &mut Vec<FieldError>,
) -> Option<Content> {
    let fields = [
        // Any audience will do; the rules ask for one.
        ("broadcast", Some(Value::Bool(true))),
        ("params", Some(request.params.into())),
        ("title", request.title.map(Value::from)),
        ("body", request.body.map(Value::from)),
        ("data", Some(request.data.into())),
        ("badge", request.badge.map(Value::from)),
        ("sound", request.sound.map(Value::from)),
        ("collapseId", request.collapse_id.map(Value::from)),
        ("ttlSeconds", request.ttl_seconds.map(Value::from)),
        ("priority", request.priority.map(Value::from)),
        ("silent", Some(Value::Bool(request.silent))),
    ];
    let fields = fields.into_iter();
    let push: Map<_, _> = fields
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    match Request::parse(&Value::Object(push).to_string(), event) {
        Ok(parsed) => Some(parsed.content),
        Err(broken) => {
            // Here the push is the whole body.
            errors.extend(broken.into_iter().map(|error| {
                FieldError {
                    field: error
                        .field
                        .strip_prefix("push.")
                        .unwrap_or_default()
                        .to_owned(),
                    ..error
                }
            }));
            None
        }
    }
}

/// Whose texts are taken, and the placeholders without a value.
fn texts(settings: &Settings, asked: &Asked) -> (String, Vec<String>) {
    let Some(event) = asked.content.notifiable(&asked.event) else {
        return ("default".to_owned(), Vec::new());
    };
    let decided = settings.event(event);
    let texts = decided.texts_for(asked.locale.as_ref());
    let found = decided
        .locales
        .iter()
        .find(|(_, own)| std::ptr::eq(*own, texts));
    let mut missing = Vec::new();
    let shown = [
        (asked.content.title.is_none(), &texts.title),
        (asked.content.body.is_none(), &texts.body),
    ];
    for (_, template) in shown.into_iter().filter(|(used, _)| *used) {
        for name in template.missing(&asked.content.params) {
            if !missing.iter().any(|known| known == name) {
                missing.push(name.to_owned());
            }
        }
    }
    let language = found.map_or_else(|| "default".to_owned(), |(tag, _)| tag.to_string());
    (language, missing)
}

fn shown(
    provider: Provider,
    written: Written,
    (texts, missing_params): (String, Vec<String>),
) -> PreviewBody {
    let headers: BTreeMap<_, _> = written.headers.into_iter().collect();
    PreviewBody {
        provider: provider.word(),
        texts,
        payload: written.text,
        bytes: written.bytes,
        limit: written.limit,
        trimmed: written.trimmed,
        headers,
        missing_params,
    }
}

fn unbuildable(why: &Unbuildable) -> Problem {
    let field = match why {
        Unbuildable::TooLarge { .. } => String::new(),
        Unbuildable::ReservedKey(key) => format!("data.{key}"),
        Unbuildable::CollapseId => "collapseId".to_owned(),
    };
    Problem::InvalidFields(vec![FieldError::new(field, why.rule(), why.to_string())])
}

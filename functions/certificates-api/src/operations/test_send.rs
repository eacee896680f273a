use std::time::Duration;

use credential::Credential;
use domain::credential::Record;
use domain::field::FieldError;
use domain::push::device::Token;
use domain::push::message::{Push, Text};
use domain::push::template::{MAX_BODY as MAX_TEXT, MAX_TITLE};
use http_api::{Call, Failure, Problem, ProblemBody, Reply, parse_json};
use providers::{Answer, Client, MessageId, Mode, Order};

use super::records::named;
use crate::Deps;
use crate::shape::{TestBody, TestCertificate};

const MAX_BODY: usize = 32 * 1024;

/// What a provider may take; the rest of the function's time is for the stores.
const DEADLINE: Duration = Duration::from_secs(10);

/// A test that a phone gets tomorrow is none.
const LIFE: Duration = Duration::from_secs(60);

#[utoipa::path(
    post,
    path = "/v1/networks/{network}/certificates/{id}/test",
    operation_id = "testCertificate",
    tag = "Certificates",
    summary = "Send a push with this credential",
    description = "Whether it is active or not. The push is really sent, past all gates, to one device.",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "Its id")),
    request_body = TestCertificate,
    responses(
        (status = 200, description = "What the provider said, good or bad", body = TestBody),
        (status = "4XX", description = "Refused; nothing was sent", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `test`")]
pub(crate) fn test_doc() {}

pub(crate) async fn test(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let body = call.body(MAX_BODY)?;
    let request: TestCertificate = parse_json(&body)?;
    check_length("title", request.title.as_deref(), MAX_TITLE)?;
    check_length("body", request.body.as_deref(), MAX_TEXT)?;
    let stored = deps.store.credentials(&call.network()?).await?;
    let record = named(&call, &stored)?;
    let client = client(deps, record).await?;
    let title = request.title.unwrap_or_else(|| "Test".to_owned());
    let text = request.body;
    let text = text.unwrap_or_else(|| "Sent by Fanfare to try a certificate.".to_owned());
    let push = Push {
        title: Some(Text::plain(title)),
        body: Some(Text::plain(text)),
        ttl: Some(LIFE),
        ..Push::default()
    };
    let token = ("deviceToken", request.device_token.as_str());
    let answer = send(deps, record, &client, &push, token, Mode::Send).await?;
    Ok(Reply::json(200, &TestBody::of(answer)))
}

fn check_length(field: &str, text: Option<&str>, most: usize) -> Result<(), Problem> {
    if text.is_none_or(|text| text.chars().count() <= most) {
        return Ok(());
    }
    let message = format!("must have at most {most} characters");
    Err(Problem::InvalidFields(vec![FieldError::new(
        field, "too_long", message,
    )]))
}

/// The credential put to use.
pub(super) async fn client(deps: &Deps, record: &Record) -> Result<Client, Failure> {
    let text = deps.vault.credential(&record.network, record.id).await?;
    let credential = text.and_then(|text| Credential::from_text(&text));
    let lost = || Failure::Internal(format!("the material of {} is gone", record.id));
    let credential = credential.ok_or_else(lost)?;
    Ok(Client::new(
        &credential,
        record.slot.environment(),
        &deps.hosts,
    )?)
}

/// Sends to the device that the field of the request names.
pub(super) async fn send(
    deps: &Deps,
    record: &Record,
    client: &Client,
    push: &Push,
    (field, token): (&str, &str),
    mode: Mode,
) -> Result<Answer, Failure> {
    let broken = |rule: &'static str, message: String| {
        Problem::InvalidFields(vec![FieldError::new(field, rule, message)])
    };
    let token = Token::parse(token, record.slot.provider());
    let token = token.ok_or_else(|| broken("format", Token::RULE.to_owned()))?;
    let now = deps.platform.clock.now();
    let order = Order {
        push,
        platform: record.slot.platform(),
        token: &token,
        id: MessageId::from_bytes(deps.platform.random.bytes()),
        accepted: now,
    };
    let sent = client.send(&order, mode, now, DEADLINE).await;
    sent.map_err(|why| broken(why.rule(), why.to_string()).into())
}

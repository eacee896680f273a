//! A running system with endpoints, and events for it.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use local::{Options, System, TemplateSource};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::error::Failed;
use crate::receiver::{Manner, Receivers};

/// The API's own limit for one request.
pub(crate) const EVENTS_PER_POST: u32 = 100;

/// Endpoints created at the same time.
const CREATIONS: usize = 8;

/// About what an envelope adds; together with it a body has 1 KB.
const DATA_BYTES: usize = 850;

const TEMPLATE: &str = include_str!("../../../template.yaml");

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) system: System,
    http: reqwest::Client,
    base: String,
}

impl World {
    /// Everything in memory.
    pub(crate) async fn start() -> Result<Self, Failed> {
        Self::over(TemplateSource::BuiltIn).await
    }

    /// The same, but nobody takes the messages of the webhook queue.
    pub(crate) async fn without_dispatch() -> Result<Self, Failed> {
        let source = "\n  WebhookDispatchSource:\n";
        let start = TEMPLATE.find(source);
        let start =
            start.ok_or_else(|| Failed::new("the template has no WebhookDispatchSource"))?;
        let (before, rest) = TEMPLATE.split_at(start);
        let (_, rest) = rest.split_at(source.len());
        // Up to the next resource.
        let end = rest.find("\n\n").unwrap_or(rest.len());
        let (_, after) = rest.split_at(end);
        Self::over(TemplateSource::Text(format!("{before}{after}"))).await
    }

    async fn over(template: TemplateSource) -> Result<Self, Failed> {
        let system = System::start(Options {
            template,
            ..Options::ephemeral()
        })
        .await?;
        let base = format!("{}/v1/networks/{}", system.api(), system.network());
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { system, http, base })
    }

    /// The variables that the template gives a function.
    pub(crate) fn variables(&self, package: &str) -> Result<BTreeMap<String, String>, Failed> {
        let functions = &self.system.template().functions;
        let function = functions
            .iter()
            .find(|function| function.package == package);
        let function =
            function.ok_or_else(|| Failed::new(format!("the template has no {package}")))?;
        Ok(function.environment.clone())
    }

    /// An endpoint for all events, or for those of one type.
    pub(crate) async fn endpoint(&self, url: &str, event_type: &str) -> Result<(), Failed> {
        let body = json!({ "url": url, "eventTypes": [event_type] });
        let key = self.system.keys().super_admin();
        self.post("webhooks", key, &body, StatusCode::CREATED).await
    }

    /// So many endpoints, of which `hanging` of the first ones never answer.
    pub(crate) async fn endpoints(
        &self,
        receivers: &Receivers,
        count: u32,
        first: Manner,
        event_type: &str,
    ) -> Result<(), Failed> {
        let creations = (0..count).map(|number| async move {
            let manner = if number == 0 { first } else { Manner::AtOnce };
            let url = receivers.url(number, manner);
            self.endpoint(&url, event_type).await
        });
        stream::iter(creations)
            .buffer_unordered(CREATIONS)
            .try_collect()
            .await
    }

    /// Reports `count` events at once, at most [`EVENTS_PER_POST`].
    pub(crate) async fn report(&self, count: u32) -> Result<(), Failed> {
        let events: Vec<_> = (0..count).map(|_| event()).collect();
        let key = self.system.keys().producer();
        let body = Value::Array(events);
        self.post("events", key, &body, StatusCode::ACCEPTED).await
    }

    /// Reports one event.
    pub(crate) async fn report_one(&self, event: &Value) -> Result<(), Failed> {
        let key = self.system.keys().producer();
        self.post("events", key, event, StatusCode::ACCEPTED).await
    }

    async fn post(
        &self,
        path: &str,
        key: &str,
        body: &Value,
        expected: StatusCode,
    ) -> Result<(), Failed> {
        let url = format!("{}/{path}", self.base);
        let request = self.http.post(url).bearer_auth(key).json(body);
        let answer = request.send().await?;
        if answer.status() == expected {
            return Ok(());
        }
        let text = answer.text().await?;
        Err(Failed::new(format!("POST {path}: {text}")))
    }
}

/// An event whose webhook has 1 KB.
fn event() -> Value {
    let text = "A message of about the length that people write to each other. ".repeat(12);
    let text: String = text.chars().take(DATA_BYTES - 100).collect();
    json!({
        "event": "message.didCreate",
        "data": { "messages": [{ "messageId": "msg-00000001", "channelId": "channel-1", "data": { "text": text } }] },
    })
}

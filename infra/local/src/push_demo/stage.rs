//! The running system, its callers and its phones.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::{NotIssued, Simulator};
use tokio::time::Instant;

use super::report::Report;
use crate::StartError;
use crate::http_client::{CallError, HttpClient};

/// Registrations and questions under way at the same time.
const AT_ONCE: usize = 16;
/// Google asks for ten seconds before a retry, and held pushes are looked at after five.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("simulate push providers: they are switched off")]
    NoPhones,
    #[error(transparent)]
    Credential(#[from] NotIssued),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("understand the answer of {operation}: it holds no {missing}")]
    Answer {
        operation: &'static str,
        missing: &'static str,
    },
}

pub(super) struct Stage<'a> {
    pub(super) phones: &'a Simulator,
    pub(super) admin: HttpClient,
    pub(super) producer: HttpClient,
    pub(super) device: HttpClient,
}

/// Every other phone is an Android.
pub(super) fn phone(number: usize) -> Value {
    let (platform, token) = if number.is_multiple_of(2) {
        ("ios", format!("{number:064x}"))
    } else {
        ("android", format!("phone:{number}"))
    };
    let id = format!("phone-{number}");
    json!({ "deviceId": id, "platform": platform, "token": token, "userId": format!("user-{number}") })
}

pub(super) fn event(number: usize) -> Value {
    json!({
        "event": "message.created",
        "data": {},
        "push": {
            "targetIds": [format!("user-{number}")],
            "params": { "sender": "Ann", "channel": "Chess", "message": format!("move {number}") },
            "data": { "n": number.to_string() },
        },
    })
}

impl Stage<'_> {
    pub(super) async fn register(&self, count: usize) -> Result<(), DemoError> {
        let each = (0..count).map(|number| async move {
            let body = phone(number).to_string().into_bytes();
            self.device
                .post("/devices", body, StatusCode::CREATED)
                .await
        });
        let registered = stream::iter(each).buffer_unordered(AT_ONCE);
        registered.try_for_each(async |_| Ok(())).await?;
        Ok(())
    }

    pub(super) async fn one(
        &self,
        number: usize,
        ids: &mut Vec<String>,
    ) -> Result<String, DemoError> {
        let posted = self.post(vec![event(number)]).await?;
        let id = posted.into_iter().next().ok_or(DemoError::Answer {
            operation: "posting an event",
            missing: "id",
        })?;
        ids.push(id.clone());
        Ok(id)
    }

    pub(super) async fn post(&self, events: Vec<Value>) -> Result<Vec<String>, DemoError> {
        let body = Value::Array(events).to_string().into_bytes();
        let answer = self
            .producer
            .post("/events", body, StatusCode::ACCEPTED)
            .await?;
        let items = answer.get("items").and_then(Value::as_array);
        let ids = items.into_iter().flatten();
        let ids = ids.map(|item| item.get("id")?.as_str().map(str::to_owned));
        ids.collect::<Option<_>>().ok_or(DemoError::Answer {
            operation: "posting events",
            missing: "id for each",
        })
    }

    /// Whether the event's push comes to this state in time.
    pub(super) async fn state(&self, id: &str, state: &str) -> Result<bool, DemoError> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.states(id).await?.iter().any(|known| known == state) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(false)
    }

    async fn states(&self, id: &str) -> Result<Vec<String>, DemoError> {
        let answer = self.pushes(id).await?;
        let items = answer.get("items").and_then(Value::as_array);
        let states = items.into_iter().flatten();
        let states = states.filter_map(|item| item.get("state")?.as_str().map(str::to_owned));
        Ok(states.collect())
    }

    async fn pushes(&self, id: &str) -> Result<Value, DemoError> {
        let path = format!("/events/{id}/pushes");
        match self
            .admin
            .call(Method::GET, &path, None, StatusCode::OK)
            .await
        {
            Ok(answer) => Ok(answer),
            // Accepted, and not yet fanned out.
            Err(CallError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
                Ok(Value::Null)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn explanation(&self, id: &str, number: usize) -> Result<String, DemoError> {
        let path = format!("/explain?event={id}&user=user-{number}");
        let answer = self
            .admin
            .call(Method::GET, &path, None, StatusCode::OK)
            .await?;
        let say = answer.get("explanation").and_then(Value::as_str);
        Ok(say.unwrap_or_default().to_owned())
    }

    pub(super) async fn count_states(
        &self,
        ids: &[String],
        report: &mut Report,
    ) -> Result<(), DemoError> {
        let each = ids.iter().map(|id| self.pushes(id));
        let mut answers = stream::iter(each.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            let answer = answer?;
            let items = answer.get("items").and_then(Value::as_array);
            for item in items.into_iter().flatten() {
                report.count(item);
            }
        }
        Ok(())
    }

    pub(super) async fn wait(&self, good: impl Fn(&Simulator) -> bool) {
        let (mut last, mut since) = (0, Instant::now());
        // Given up when nothing comes any more; the report tells what is missing.
        while !good(self.phones) && since.elapsed() < PATIENCE {
            let now = self.phones.delivered();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

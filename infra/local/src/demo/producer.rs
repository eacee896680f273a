//! The application that reports events.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::payload;
use super::run::{DemoError, GIVE_UP_AFTER};
use super::tally::Tally;
use crate::cli::DemoArgs;
use crate::http_client::HttpClient;

/// The API's own limit for one request.
const EVENTS_PER_POST: u32 = 100;
/// Keeps every stage busy. Without a bound, latency would measure how long the demo's own
/// backlog is, and would grow with `--events`.
pub(super) const EVENTS_UNDER_WAY: u32 = 300;
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Posts all events, and returns how many were accepted.
pub(super) async fn post_all(
    client: &HttpClient,
    args: &DemoArgs,
    tally: &Tally,
) -> Result<u64, DemoError> {
    let endpoints = u64::from(args.endpoints);
    let mut accepted: u64 = 0;
    let mut next = 0;
    while next < args.events {
        let end = args.events.min(next + EVENTS_PER_POST);
        let room = u64::from(EVENTS_UNDER_WAY - EVENTS_PER_POST);
        if !arrived(tally, accepted.saturating_sub(room) * endpoints).await {
            break;
        }
        accepted += post(client, (next..end).map(payload::event).collect()).await?;
        next = end;
    }
    Ok(accepted)
}

/// Waits until this many messages have arrived once; `false` when nothing comes any more.
async fn arrived(tally: &Tally, messages: u64) -> bool {
    while tally.first_tries() < messages {
        if tally.silence() > GIVE_UP_AFTER {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

async fn post(client: &HttpClient, events: Vec<Value>) -> Result<u64, DemoError> {
    let body = Value::Array(events).to_string().into_bytes();
    let answer = client.post("/events", body, StatusCode::ACCEPTED).await?;
    let items = answer.get("items").and_then(Value::as_array);
    let items = items.ok_or(DemoError::Answer {
        operation: "posting events",
        missing: "items",
    })?;
    let accepted = items
        .iter()
        .filter(|item| item.get("id").is_some_and(Value::is_string))
        .count();
    Ok(u64::try_from(accepted).unwrap_or(u64::MAX))
}

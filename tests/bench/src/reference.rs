//! The bare loop: what sending webhooks costs when nothing is kept.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use runtime::Clock;
use sha2::Sha256;

use crate::error::Failed;
use crate::measure::{cpu_seconds, median, rate};

/// Requests under way at the same time, here and in what is compared with it.
pub(crate) const IN_FLIGHT: usize = 64;

/// What one round came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    pub(crate) per_second: f64,
    /// CPU time of the sending process per webhook.
    pub(crate) cpu_micros: f64,
}

impl Pace {
    pub(crate) fn of(count: usize, started: Instant, cpu_before: f64) -> Self {
        Self {
            per_second: rate(count, started.elapsed()),
            cpu_micros: (cpu_seconds() - cpu_before) * 1e6 / count.max(1) as f64,
        }
    }

    /// Rate and CPU time of the middle round, each for itself.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        Self {
            per_second: median(rounds.iter().map(|pace| pace.per_second)),
            cpu_micros: median(rounds.iter().map(|pace| pace.cpu_micros)),
        }
    }
}

/// Signs and POSTs `count` bodies like `body`, [`IN_FLIGHT`] at a time, over kept connections.
pub(crate) async fn run(
    http: &reqwest::Client,
    url: &str,
    body: &str,
    count: usize,
) -> Result<Pace, Failed> {
    let cpu = cpu_seconds();
    let started = Instant::now();
    let posts = (0..count).map(|number| post(http, url, body, number));
    let posted: Vec<Result<(), Failed>> = stream::iter(posts)
        .buffer_unordered(IN_FLIGHT)
        .collect()
        .await;
    posted.into_iter().collect::<Result<(), Failed>>()?;
    Ok(Pace::of(count, started, cpu))
}

async fn post(http: &reqwest::Client, url: &str, body: &str, number: usize) -> Result<(), Failed> {
    let id = format!("evt_{number:026}");
    let at = Clock::system().now().seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32])?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body.as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let answer = http
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", signature)
        .body(body.to_owned())
        .send()
        .await?;
    answer.error_for_status()?.bytes().await?;
    Ok(())
}

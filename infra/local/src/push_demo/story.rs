//! The chapters, each ending as it should or in a complaint.

use std::time::Duration;

use domain::credential::Fingerprint;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode};
use runtime::Clock;
use serde_json::{Value, json};
use simulator::{Fault, Received, Simulator, Target};
use tokio::time::Instant;

use super::credential::{self, NoCredential};
use super::report::{Chapter, Report};
use crate::cli::DemoArgs;
use crate::console::{Verbosity, live_log};
use crate::http_client::{CallError, HttpClient};
use crate::{Options, StartError, System};

/// Events in one post; the API's own limit.
const EVENTS_PER_POST: usize = 100;
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
    Credential(#[from] NoCredential),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("understand the answer of {operation}: it holds no {missing}")]
    Answer {
        operation: &'static str,
        missing: &'static str,
    },
}

struct Stage<'a> {
    system: &'a System,
    phones: &'a Simulator,
    admin: HttpClient,
    producer: HttpClient,
    device: HttpClient,
}

pub(super) async fn run(args: &DemoArgs) -> Result<Report, DemoError> {
    let system = System::start(Options {
        telemetry: live_log(Verbosity::Quiet),
        ..Options::ephemeral()
    })
    .await?;
    let base = format!("{}/v1/networks/{}", system.api(), system.network());
    let client = |key: &str| HttpClient::new(base.clone(), key);
    let stage = Stage {
        system: &system,
        phones: system.simulator().ok_or(DemoError::NoPhones)?,
        admin: client(system.keys().super_admin()),
        producer: client(system.keys().producer()),
        device: client(system.keys().device()),
    };
    let report = stage
        .play(usize::try_from(args.events).unwrap_or(usize::MAX))
        .await;
    system.stop().await;
    report
}

/// Every other phone is an Android.
fn phone(number: usize) -> Value {
    let (platform, token) = if number.is_multiple_of(2) {
        ("ios", format!("{number:064x}"))
    } else {
        ("android", format!("phone:{number}"))
    };
    let id = format!("phone-{number}");
    json!({ "deviceId": id, "platform": platform, "token": token, "userId": format!("user-{number}") })
}

fn event(number: usize) -> Value {
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
    async fn play(&self, count: usize) -> Result<Report, DemoError> {
        let certificate = credential::apple(self.system).await?;
        credential::google(self.system).await?;
        // Up to four more for the chapters.
        self.register(count + 4).await?;
        let mut report = Report::default();
        let mut ids = self.measure(count, &mut report).await?;
        let (even, odd) = (count.next_multiple_of(2), count + (count + 1) % 2);
        let chapters = [
            self.refusing(even, &mut ids).await?,
            self.uninstalled(even + 2, &mut ids).await?,
            self.overloaded(odd, &mut ids).await?,
            self.expired(even, certificate, &mut ids).await?,
        ];
        report.chapters = chapters.into();
        report.accepted = ids.len();
        self.count_states(&ids, &mut report).await?;
        report.delivered = self.phones.delivered();
        report.sample = self.phones.pushes().into_iter().find(|push| push.delivered);
        Ok(report)
    }

    async fn register(&self, count: usize) -> Result<(), DemoError> {
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

    /// One push to each phone, timed from the post to the phone.
    async fn measure(&self, count: usize, report: &mut Report) -> Result<Vec<String>, DemoError> {
        let clock = Clock::system();
        let mut ids = Vec::with_capacity(count);
        let mut posted = Vec::with_capacity(count);
        let began = Instant::now();
        while ids.len() < count {
            let end = count.min(ids.len() + EVENTS_PER_POST);
            let events: Vec<_> = (ids.len()..end).map(event).collect();
            let at = clock.now().millis();
            ids.extend(self.post(events).await?);
            posted.resize(ids.len(), at);
        }
        self.wait(|phones| phones.delivered() >= count).await;
        let took = began.elapsed();
        let arrived = |push: &Received| {
            let number = push
                .payload
                .get("n")
                .or_else(|| push.payload.pointer("/data/n"))?;
            let sent: u64 = *posted.get(number.as_str()?.parse::<usize>().ok()?)?;
            push.delivered
                .then(|| Duration::from_millis(push.at_millis.saturating_sub(sent)))
        };
        let mut latencies: Vec<_> = self.phones.pushes().iter().filter_map(arrived).collect();
        latencies.sort_unstable();
        report.measured(count, &latencies, took);
        Ok(ids)
    }

    /// Somebody wants no pushes.
    async fn refusing(&self, number: usize, ids: &mut Vec<String>) -> Result<Chapter, DemoError> {
        let (path, off) = (
            format!("/users/user-{number}/push-settings"),
            json!({ "enabled": false }),
        );
        self.admin
            .call(Method::PUT, &path, Some(&off), StatusCode::OK)
            .await?;
        let id = self.one(number, ids).await?;
        let state = self.state(&id, "gated").await?;
        let why = self.explanation(&id, number).await?;
        // The chapters after this one need the phone's owner.
        self.admin
            .call(
                Method::PUT,
                &path,
                Some(&json!({ "enabled": true })),
                StatusCode::OK,
            )
            .await?;
        Ok(Chapter::new("a user who wants no pushes", state, why))
    }

    /// The application is removed from a phone.
    async fn uninstalled(
        &self,
        number: usize,
        ids: &mut Vec<String>,
    ) -> Result<Chapter, DemoError> {
        let gone = Clock::system().now().after(Duration::from_secs(3600));
        let device = phone(number);
        let token = device
            .get("token")
            .and_then(Value::as_str)
            .unwrap_or_default();
        self.phones.uninstall(token, gone);
        let id = self.one(number, ids).await?;
        let state = self.state(&id, "dead").await?;
        let path = format!("/users/user-{number}/devices");
        let left = self
            .admin
            .call(Method::GET, &path, None, StatusCode::OK)
            .await?;
        let left = left
            .get("items")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let why = self.explanation(&id, number).await?;
        Ok(Chapter::new(
            "an application that was removed from its phone",
            state && left == 0,
            why,
        ))
    }

    /// Google is overloaded for a moment.
    async fn overloaded(&self, number: usize, ids: &mut Vec<String>) -> Result<Chapter, DemoError> {
        let device = phone(number);
        let token = device.get("token").and_then(Value::as_str);
        self.phones
            .script(Target::Fcm, token, 1, Fault::refuse(503, "UNAVAILABLE"));
        let id = self.one(number, ids).await?;
        let state = self.state(&id, "sent").await?;
        let why = self.explanation(&id, number).await?;
        Ok(Chapter::new("Firebase overloaded for a moment", state, why))
    }

    /// The certificate ends before its time; another is made and activated.
    async fn expired(
        &self,
        number: usize,
        certificate: Fingerprint,
        ids: &mut Vec<String>,
    ) -> Result<Chapter, DemoError> {
        self.phones.expire_certificate(certificate);
        let id = self.one(number, ids).await?;
        let held = self.state(&id, "held").await?;
        let why = self.explanation(&id, number).await?;
        credential::apple(self.system).await?;
        let sent = self.state(&id, "sent").await?;
        let why = format!("{why}; delivered once another was activated");
        Ok(Chapter::new("a certificate that ended", held && sent, why))
    }

    async fn one(&self, number: usize, ids: &mut Vec<String>) -> Result<String, DemoError> {
        let posted = self.post(vec![event(number)]).await?;
        let id = posted.into_iter().next().ok_or(DemoError::Answer {
            operation: "posting an event",
            missing: "id",
        })?;
        ids.push(id.clone());
        Ok(id)
    }

    async fn post(&self, events: Vec<Value>) -> Result<Vec<String>, DemoError> {
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
    async fn state(&self, id: &str, state: &str) -> Result<bool, DemoError> {
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

    async fn explanation(&self, id: &str, number: usize) -> Result<String, DemoError> {
        let path = format!("/explain?event={id}&user=user-{number}");
        let answer = self
            .admin
            .call(Method::GET, &path, None, StatusCode::OK)
            .await?;
        let say = answer.get("explanation").and_then(Value::as_str);
        Ok(say.unwrap_or_default().to_owned())
    }

    async fn count_states(&self, ids: &[String], report: &mut Report) -> Result<(), DemoError> {
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

    async fn wait(&self, good: impl Fn(&Simulator) -> bool) {
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

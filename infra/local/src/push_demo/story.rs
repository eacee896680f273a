//! The chapters, each ending as it should or in a complaint.

use std::time::Duration;

use domain::credential::{Environment, Fingerprint};
use http::{Method, StatusCode};
use runtime::Clock;
use serde_json::{Value, json};
use simulator::{Fault, Received, Target};
use tokio::time::Instant;

use super::report::{Chapter, Report};
use super::stage::{DemoError, Stage, event, phone};
use crate::System;
use crate::cli::DemoArgs;
use crate::http_client::HttpClient;

/// Events in one post; the API's own limit.
const EVENTS_PER_POST: usize = 100;

pub(super) async fn run(args: &DemoArgs) -> Result<Report, DemoError> {
    let system = System::start(args.options()?).await?;
    let base = format!("{}/v1/networks/{}", system.api(), system.network());
    let client = |key: &str| HttpClient::new(base.clone(), key, args.shown());
    let stage = Stage {
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

impl Stage<'_> {
    async fn play(&self, count: usize) -> Result<Report, DemoError> {
        let mistyped = self.mistyped().await?;
        let certificate = self.apple().await?;
        self.google().await?;
        self.baidu().await?;
        let said_of_key = self.apple_sandbox().await?;
        // Up to four more for the chapters.
        self.register(count + 4).await?;
        let mut report = Report::default();
        let mut ids = self.measure(count, &mut report).await?;
        let (even, odd) = (count.next_multiple_of(2), count + (count + 1) % 2);
        let chapters = [
            Chapter::new("a certificate with a mistyped password", true, mistyped),
            Chapter::new(
                "a certificate, uploaded and activated",
                true,
                certificate.said,
            ),
            self.in_china(count + 4, &mut ids).await?,
            self.debug_build(count + 5, &said_of_key, &mut ids).await?,
            self.refusing(even, &mut ids).await?,
            self.uninstalled(even + 2, &mut ids).await?,
            self.overloaded(odd, &mut ids).await?,
            self.expired(even, certificate.fingerprint, &mut ids)
                .await?,
        ];
        report.chapters = chapters.into();
        report.accepted = ids.len();
        self.count_states(&ids, &mut report).await?;
        report.delivered = self.phones.delivered();
        report.sample = self.phones.pushes().into_iter().find(|push| push.delivered);
        Ok(report)
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

    /// A phone without Google's services.
    async fn in_china(&self, number: usize, ids: &mut Vec<String>) -> Result<Chapter, DemoError> {
        let user = format!("user-{number}");
        let device = json!({
            "deviceId": "phone-of-baidu", "platform": "android", "provider": "baidu",
            "token": "4230000000000000001", "userId": user,
        });
        self.device
            .post(
                "/devices",
                device.to_string().into_bytes(),
                StatusCode::CREATED,
            )
            .await?;
        let id = self.one(number, ids).await?;
        let sent = self.state(&id, "sent").await?;
        let why = self.explanation(&id, number).await?;
        Ok(Chapter::new("a phone that Baidu reaches", sent, why))
    }

    /// A developer's phone, in Apple's sandbox.
    async fn debug_build(
        &self,
        number: usize,
        said_of_key: &str,
        ids: &mut Vec<String>,
    ) -> Result<Chapter, DemoError> {
        let token = format!("{number:064x}");
        self.phones.place(&token, Environment::Sandbox);
        let device = json!({
            "deviceId": "phone-of-developer", "platform": "ios", "environment": "sandbox",
            "token": token, "userId": format!("user-{number}"),
        });
        self.device
            .post(
                "/devices",
                device.to_string().into_bytes(),
                StatusCode::CREATED,
            )
            .await?;
        let id = self.one(number, ids).await?;
        let sent = self.state(&id, "sent").await?;
        let why = self.explanation(&id, number).await?;
        let why = format!("{why}; a warning of the key: {said_of_key}");
        Ok(Chapter::new(
            "a debug build, reached with a signing key (.p8)",
            sent,
            why,
        ))
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
        self.apple().await?;
        let activated = Instant::now();
        let sent = self.state(&id, "sent").await?;
        let took = activated.elapsed().as_secs();
        let why = format!("{why}; delivered {took} s after another was uploaded and activated");
        Ok(Chapter::new("a certificate that ended", held && sent, why))
    }
}

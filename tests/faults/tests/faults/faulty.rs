//! The way from an SDK to the embedded services, and what happens to calls on it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_local::Embedded;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use queue::message::DeliveryMessage;
use queue::push::{AudienceMessage, PushMessage};
use serde_json::Value;

use crate::plan::Crowded;
use crate::rights;
use crate::sandbox::Process;
use crate::stage::Stage;
use crate::time::at_once;

/// The SDK's HTTP client of one process.
#[derive(Clone)]
pub(crate) struct Faulty {
    cloud: SharedHttpClient,
    stage: Arc<Stage>,
    /// `None` for the test's own calls: nothing happens to them, and no time passes.
    process: Option<Arc<Process>>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    pub(crate) fn client(
        cloud: &Embedded,
        stage: &Arc<Stage>,
        process: Option<&Arc<Process>>,
    ) -> SharedHttpClient {
        SharedHttpClient::new(Self {
            cloud: cloud.http_client(),
            stage: Arc::clone(stage),
            process: process.cloned(),
        })
    }
}

impl HttpClient for Faulty {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Way {
            faulty: self.clone(),
            cloud: self.cloud.http_connector(settings, components),
        })
    }
}

#[derive(Debug, Clone)]
struct Way {
    faulty: Faulty,
    cloud: SharedHttpConnector,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Served,
    /// Not done, and said so.
    Throttled,
    Broken,
    /// Not done, because others change the same.
    Beaten(Crowded),
    /// Done, and the answer lost on the way back.
    Lost,
    /// Not done, and no answer either.
    Silent,
}

impl HttpConnector for Way {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let way = self.clone();
        HttpConnectorFuture::new(async move {
            match way.faulty.process.clone() {
                None => way.serve(request),
                Some(process) => way.meet(request, &process).await,
            }
        })
    }
}

impl Way {
    fn serve(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.faulty.stage.time.tell_cloud();
        at_once(self.cloud.call(request))
    }

    async fn meet(
        self,
        request: HttpRequest,
        process: &Process,
    ) -> Result<HttpResponse, ConnectorError> {
        let stage = &self.faulty.stage;
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let target = target.to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let package = process.name.split('#').next().unwrap_or_default();
        if let Some(beyond) = rights::beyond(package, &target, body) {
            stage.forbid(beyond);
        }
        let fate = fate(stage, &target, body);
        if fate != Fate::Served {
            let operation = target.rsplit('.').next().unwrap_or_default();
            stage.tell(&format!("{}: {operation} {fate:?}", process.name));
            if target.starts_with("DynamoDB") {
                stage.table_trouble(process.invocation.load(Ordering::SeqCst));
            }
        }
        // A place to die at before the call is made, and one before its answer is known.
        tokio::time::sleep(stage.chance.millis(1..8)).await;
        match fate {
            Fate::Throttled => Ok(refusal(&target, 400)),
            Fate::Broken => Ok(refusal(&target, 500)),
            Fate::Beaten(Crowded::Table) => Ok(cancellation()),
            Fate::Beaten(Crowded::Rings) => Ok(outdated()),
            Fate::Silent => std::future::pending().await,
            Fate::Lost => {
                note_copies(stage, &target, &request);
                drop(self.serve(request));
                if stage.chance.happens(0.5) {
                    return Err(ConnectorError::io("the connection broke".into()));
                }
                std::future::pending().await
            }
            Fate::Served => {
                let answer = self.serve(request);
                tokio::time::sleep(stage.chance.millis(1..8)).await;
                answer
            }
        }
    }
}

fn fate(stage: &Stage, target: &str, body: &[u8]) -> Fate {
    let passed = stage.time.passed();
    let mut outages = stage.plan.outages.iter();
    let out = outages.any(|outage| outage.hits(passed, target, body));
    let rates = stage.plan.rates;
    if out || stage.goes_wrong(rates.refused) {
        *stage.chance.pick(&[Fate::Throttled, Fate::Broken])
    } else if let Some(at) = beaten(stage, target) {
        Fate::Beaten(at)
    } else if loses(stage, target) {
        Fate::Lost
    } else if stage.goes_wrong(rates.silent) {
        Fate::Silent
    } else {
        Fate::Served
    }
}

/// What the others are at, if this call would change it.
fn beaten(stage: &Stage, target: &str) -> Option<Crowded> {
    let crowd = stage.plan.crowd?;
    let call = match crowd.at {
        Crowded::Table => "TransactWriteItems",
        Crowded::Rings => "UpdateSecretVersionStage",
    };
    let hit = target.ends_with(call) && stage.time.passed() < crowd.until;
    hit.then_some(crowd.at)
}

fn loses(stage: &Stage, target: &str) -> bool {
    let probability = stage.plan.rates.lost;
    if target.ends_with("SendMessageBatch") {
        stage.doubles(probability)
    } else {
        stage.goes_wrong(probability)
    }
}

fn refusal(target: &str, status: u16) -> HttpResponse {
    let (throttled, broken) = match target.split('_').next().unwrap_or_default() {
        "DynamoDB" => (
            "ProvisionedThroughputExceededException",
            "InternalServerError",
        ),
        name if name.starts_with("secretsmanager") => {
            ("ThrottlingException", "InternalServiceError")
        }
        _ => ("RequestThrottled", "InternalFailure"),
    };
    let name = if status == 400 { throttled } else { broken };
    let body = format!(r#"{{"__type":"com.amazonaws#{name}","message":"the storm"}}"#);
    answer(status, body)
}

fn cancellation() -> HttpResponse {
    let reason = r#"{"Code":"TransactionConflict","Message":"the crowd"}"#;
    let name = "com.amazonaws#TransactionCanceledException";
    let body = format!(r#"{{"__type":"{name}","CancellationReasons":[{reason}]}}"#);
    answer(400, body)
}

/// The version that was read is not the current one any more.
fn outdated() -> HttpResponse {
    let body = r#"{"__type":"InvalidParameterException","Message":"the crowd"}"#;
    answer(400, body.to_owned())
}

fn answer(status: u16, body: String) -> HttpResponse {
    let status = StatusCode::try_from(status).unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    response
}

/// A send whose answer is lost is sent again, by the SDK or by whoever comes next: there may be
/// two messages for these first tries.
fn note_copies(stage: &Stage, target: &str, request: &HttpRequest) {
    if !target.ends_with("SendMessageBatch") {
        return;
    }
    let body = request.body().bytes().unwrap_or_default();
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    for entry in sent["Entries"].as_array().into_iter().flatten() {
        let text = entry["MessageBody"].as_str().unwrap_or_default();
        if let Some(subject) = subject(text) {
            stage.copied(&subject);
        }
    }
}

/// What a message is about: a delivery, a push to a device, or an event.
pub(crate) fn subject(text: &str) -> Option<String> {
    if let Ok(message) = DeliveryMessage::read(text) {
        return Some(message.delivery.to_string());
    }
    if let Ok(message) = PushMessage::read(text) {
        let (event, device) = (message.event.as_str(), message.device.id.as_str());
        return Some(push_subject(event, device));
    }
    if let Ok(message) = AudienceMessage::read(text) {
        return Some(message.event.to_string());
    }
    let message: Value = serde_json::from_str(text).ok()?;
    message["id"].as_str().map(str::to_owned)
}

/// What a message about one event's push to one device is about.
pub(crate) fn push_subject(event: &str, device: &str) -> String {
    format!("{event} to {device}")
}

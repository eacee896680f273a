//! One process of one function.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use crate::runtime_api::{Answer, RuntimeApi};

/// Far longer than any start or answer takes, even of a debug binary on a busy computer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Sandbox {
    pub(crate) function: &'static str,
    process: Child,
    api: RuntimeApi,
    started: Instant,
    log: watch::Sender<String>,
    invocations: AtomicU32,
}

impl Sandbox {
    pub(crate) async fn start(
        function: &'static str,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        let api = RuntimeApi::start().await;
        let started = Instant::now();
        let mut process = command(function, variables)
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .spawn()
            .unwrap();
        let log = watch::Sender::new(String::new());
        collect(process.stdout.take().unwrap(), &log);
        collect(process.stderr.take().unwrap(), &log);
        Self {
            function,
            process,
            api,
            started,
            log,
            invocations: AtomicU32::new(0),
        }
    }

    /// From the start of the process to its first question for work.
    pub(crate) async fn cold_start(&self) -> Duration {
        let polled = tokio::time::timeout(PATIENCE, self.api.first_poll()).await;
        let polled =
            polled.unwrap_or_else(|_| panic!("{} never polled: {}", self.function, self.log()));
        polled.duration_since(self.started)
    }

    pub(crate) async fn invoke(&self, event: &Value) -> Answer {
        let number = self.invocations.fetch_add(1, Ordering::Relaxed);
        let id = format!("8476a536-e9f4-11e8-9739-{number:012}");
        let answer = tokio::time::timeout(PATIENCE, self.api.invoke(id, event)).await;
        answer.unwrap_or_else(|_| panic!("{} never answered: {}", self.function, self.log()))
    }

    /// The response of an invocation that must succeed.
    pub(crate) async fn call(&self, event: &Value) -> Value {
        match self.invoke(event).await {
            Answer::Response(response) => response,
            Answer::Error(error) => panic!("{}: {error}\n{}", self.function, self.log()),
        }
    }

    /// Waits until the function has printed a text: its answer may overtake its log.
    pub(crate) async fn says(&self, text: &str) {
        let mut log = self.log.subscribe();
        let said = tokio::time::timeout(PATIENCE, log.wait_for(|log| log.contains(text))).await;
        assert!(
            said.is_ok(),
            "{} never said {text}: {}",
            self.function,
            self.log()
        );
    }

    /// What the function printed so far.
    pub(crate) fn log(&self) -> String {
        self.log.borrow().clone()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Starts a function that is expected to refuse to, and returns what it printed.
pub(crate) fn refusal(function: &str, variables: &BTreeMap<String, String>) -> String {
    let output = command(function, variables)
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .output()
        .unwrap();
    assert!(!output.status.success(), "{function} started");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn command(function: &str, variables: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(binary(function));
    // What Lambda itself sets.
    command
        .env_clear()
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
        .env(
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        )
        .env("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLE")
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn collect(output: impl Read + Send + 'static, log: &watch::Sender<String>) {
    let log = log.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.send_modify(|log| log.push_str(&(line + "\n")));
        }
    });
}

/// A function's binary: what `sam build` made of it if we are told where, else Cargo's for this test.
fn binary(function: &str) -> PathBuf {
    if let Some(folder) =
        std::env::var_os("FUNCTIONS_BUILT_BY_SAM").filter(|_| function != "Panicking")
    {
        return contract::workspace::root()
            .join(folder)
            .join(function)
            .join("bootstrap");
    }
    PathBuf::from(match function {
        "Authorizer" => env!("CARGO_BIN_EXE_lambda-authorizer"),
        "WebhooksApi" => env!("CARGO_BIN_EXE_lambda-webhooks-api"),
        "EventsApi" => env!("CARGO_BIN_EXE_lambda-events-api"),
        "CatalogueApi" => env!("CARGO_BIN_EXE_lambda-catalogue-api"),
        "DevicesApi" => env!("CARGO_BIN_EXE_lambda-devices-api"),
        "CertExpiry" => env!("CARGO_BIN_EXE_lambda-cert-expiry"),
        "CertificatesApi" => env!("CARGO_BIN_EXE_lambda-certificates-api"),
        "PushSettingsApi" => env!("CARGO_BIN_EXE_lambda-push-settings-api"),
        "EventFanout" => env!("CARGO_BIN_EXE_lambda-event-fanout"),
        "WebhookDispatch" => env!("CARGO_BIN_EXE_lambda-webhook-dispatch"),
        "PushFanout" => env!("CARGO_BIN_EXE_lambda-push-fanout"),
        "PushDispatch" => env!("CARGO_BIN_EXE_lambda-push-dispatch"),
        "RetrySweep" => env!("CARGO_BIN_EXE_lambda-retry-sweep"),
        "Quarantine" => env!("CARGO_BIN_EXE_lambda-quarantine"),
        "Conservation" => env!("CARGO_BIN_EXE_lambda-conservation"),
        "ReplayJobs" => env!("CARGO_BIN_EXE_lambda-replay-jobs"),
        "Panicking" => env!("CARGO_BIN_EXE_lambda-panicking"),
        _ => panic!("template.yaml has the function {function}, tests/binaries has not"),
    })
}

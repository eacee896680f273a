//! Targets, a clock that only tests move, and the table runner.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_local::{ClockFn, Embedded, Location};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use tempfile::TempDir;

/// Checks that an emulator made by someone else is known to miss: `emulator check`.
/// They are skipped when `CONFORMANCE_EMULATOR` names it, and the output says so.
const KNOWN_MISSES: &[(&str, &str)] = &[
    (
        "ministack",
        "a_deleted_secret_can_be_restored_until_it_is_gone",
    ),
    (
        "ministack",
        "a_label_moves_only_from_the_version_that_holds_it",
    ),
    (
        "ministack",
        "a_new_value_is_current_and_the_old_one_previous",
    ),
    ("ministack", "a_quiet_group_does_not_wait_behind_a_backlog"),
    ("ministack", "a_stale_receipt_deletes_nothing"),
    (
        "ministack",
        "a_token_makes_a_request_repeatable_and_a_value_unchangeable",
    ),
    ("ministack", "one_bad_entry_does_not_harm_its_neighbours"),
    (
        "ministack",
        "secret_requests_outside_the_limits_are_refused",
    ),
    (
        "ministack",
        "secrets_are_listed_and_described_without_their_values",
    ),
    ("ministack", "a FIFO queue"),
    ("ministack", "a deduplication id on a standard queue"),
    ("ministack", "a delay of 901 s"),
    ("ministack", "a missing dead-letter queue"),
    ("ministack", "a negative delay"),
    ("ministack", "a poll of 21 s"),
    ("ministack", "a queue name of 81 characters"),
    ("ministack", "a queue name with a space"),
    ("ministack", "a second purge within a minute"),
    ("ministack", "an attribute named like AWS's"),
    ("ministack", "an empty attribute value"),
    ("ministack", "an invisibility of 43,201 s"),
    ("ministack", "an unknown setting"),
    ("ministack", "the list of dead-letter sources"),
    ("moto", "a_cancelled_transaction_says_which_item_was_why"),
    ("moto", "a_quiet_group_does_not_wait_behind_a_backlog"),
    ("moto", "a_stale_receipt_deletes_nothing"),
    ("moto", "a strong read of half a unit more"),
    ("moto", "a FIFO queue"),
    ("moto", "a condition that is no expression"),
    ("moto", "a control character"),
    ("moto", "a deduplication id on a standard queue"),
    ("moto", "a missing dead-letter queue"),
    ("moto", "a move to no version"),
    ("moto", "a name that waits for its deletion"),
    ("moto", "a name with a space"),
    ("moto", "a negative delay"),
    ("moto", "a removal of AWSCURRENT"),
    ("moto", "a setting out of range"),
    ("moto", "a value over 64 KiB"),
    ("moto", "an attribute named like AWS's"),
    ("moto", "an empty attribute value"),
    ("moto", "an empty body"),
    ("moto", "an unknown setting"),
    ("moto", "the source of a dead letter"),
    ("moto", "two kinds of value"),
];

pub(crate) enum Way {
    Memory,
    Durable,
    Loopback,
}

/// What the cases talk to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    embedded: Option<(Embedded, ManualClock)>,
    emulator: Option<String>,
    /// Held until the last case is done.
    _directory: Option<Arc<TempDir>>,
}

#[derive(Clone)]
pub(crate) struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000_000)))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn advance_ms(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn function(&self) -> ClockFn {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }
}

impl Target {
    pub(crate) async fn embedded(way: Way) -> Self {
        let clock = ManualClock::new();
        let directory = matches!(way, Way::Durable).then(|| Arc::new(tempfile::tempdir().unwrap()));
        let location = directory.as_ref().map_or(Location::Memory, |directory| {
            Location::Directory(directory.path().to_path_buf())
        });
        let embedded = Embedded::open(location, clock.function()).unwrap();
        let mut target = if matches!(way, Way::Loopback) {
            Self::over_http(&serve(&embedded).await)
        } else {
            Self::new(&embedded.http_client(), "http://aws.local")
        };
        target.embedded = Some((embedded, clock));
        target._directory = directory;
        target
    }

    pub(crate) fn outside(endpoint: &str) -> Self {
        let mut target = Self::over_http(endpoint);
        target.emulator = Some(variable("CONFORMANCE_EMULATOR").unwrap_or_default());
        target
    }

    fn over_http(endpoint: &str) -> Self {
        Self::new(
            &aws_smithy_http_client::Builder::new().build_http(),
            endpoint,
        )
    }

    pub(crate) fn new(http: &SharedHttpClient, endpoint: &str) -> Self {
        let region = Region::new("us-east-1");
        let credentials = Credentials::from_keys("local", "local", None);
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::Config::builder()
                        .behavior_version(BehaviorVersion::latest())
                        .region(region.clone())
                        .credentials_provider(credentials.clone())
                        .endpoint_url(endpoint)
                        .http_client(http.clone())
                        .build(),
                )
            };
        }
        Self {
            sqs: client!(aws_sdk_sqs),
            secrets: client!(aws_sdk_secretsmanager),
            dynamodb: client!(aws_sdk_dynamodb),
            embedded: None,
            emulator: None,
            _directory: None,
        }
    }

    /// Moves the clock, and lets everyone who waits for a time look at it.
    pub(crate) fn advance_ms(&self, milliseconds: u64) {
        let (embedded, clock) = self.embedded.as_ref().unwrap();
        clock.advance_ms(milliseconds);
        embedded.sqs().tick();
    }

    pub(crate) fn service(&self) -> &Embedded {
        &self.embedded.as_ref().unwrap().0
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.embedded.as_ref().unwrap().1.now_ms()
    }

    /// False for a check the outside emulator is known to miss.
    pub(crate) fn judges(&self, check: &str) -> bool {
        let Some(emulator) = &self.emulator else {
            return true;
        };
        let missed = KNOWN_MISSES.contains(&(emulator.as_str(), check));
        if missed {
            println!("skipped, {emulator} is known to miss it: {check}");
        }
        !missed
    }
}

async fn serve(embedded: &Embedded) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let embedded = embedded.clone();
    tokio::spawn(async move { embedded.serve(listener, std::future::pending::<()>()).await });
    format!("http://{address}")
}

pub(crate) fn outside_endpoint() -> Option<String> {
    variable("CONFORMANCE_ENDPOINT")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test run's own switch, not a setting of the product"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One named behaviour.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Target) -> Running,
}

/// Lists async functions as cases, named by themselves.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn cases() -> Vec<crate::harness::Case> {
            vec![$(crate::harness::Case { name: stringify!($name), run: |target| Box::pin($name(target)) }),*]
        }
    };
}
pub(crate) use cases;

/// Runs every case, and reports all that failed.
pub(crate) async fn run(target: &Target, cases: Vec<Case>) {
    let mut failed = Vec::new();
    for case in cases {
        if target.judges(case.name) && tokio::spawn((case.run)(target.clone())).await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

/// A refusal that is expected: what was asked, the code, and the code it gave.
pub(crate) type Refusal = (
    &'static str,
    &'static str,
    Pin<Box<dyn Future<Output = String> + Send>>,
);

pub(crate) async fn check_refusals(target: &Target, refusals: Vec<Refusal>) {
    let mut wrong = Vec::new();
    for (check, expected, outcome) in refusals {
        // Not even sent: what an emulator wrongly accepts would change what the next checks see.
        if !target.judges(check) {
            continue;
        }
        let code = outcome.await;
        if code != expected {
            wrong.push(format!("{check}: expected {expected}, got {code}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The error code of an outcome, or `ok`.
pub(crate) fn code<T, E: ProvideErrorMetadata>(outcome: Result<T, E>) -> String {
    outcome.map_or_else(
        |error| error.code().unwrap_or("no code").to_owned(),
        |_| "ok".to_owned(),
    )
}

/// A row of a table of refusals.
macro_rules! refusal {
    ($check:expr, $code:expr, $request:expr) => {{
        let request = $request;
        let row: crate::harness::Refusal = (
            $check,
            $code,
            Box::pin(async move { crate::harness::code(request.send().await) }),
        );
        row
    }};
}
pub(crate) use refusal;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::region::Region;

use crate::Env;

/// Longest wait for one try of one AWS call. Our batches are small, so a slower answer means a lost
/// connection.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest wait for a call with all its tries: what a function's own deadlines count on.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What every AWS client shares. The clients are built from this by hand: on Lambda, region and
/// credentials are variables, and the general resolution chain would cost start-up time.
#[derive(Debug, Clone)]
pub struct Aws {
    region: Region,
    credentials: Credentials,
    endpoints: Endpoints,
    http: SharedHttpClient,
}

#[derive(Debug, Clone, Default)]
struct Endpoints {
    dynamodb: Option<String>,
    sqs: Option<String>,
    secretsmanager: Option<String>,
}

/// Sets the same things on the three services' builders, which share no trait.
macro_rules! config {
    ($service:ident, $aws:expr, $endpoint:expr) => {{
        let mut config = $service::Config::builder()
            .behavior_version($service::config::BehaviorVersion::latest())
            .region($aws.region.clone())
            .credentials_provider($aws.credentials.clone())
            .http_client($aws.http.clone())
            .timeout_config(
                $service::config::timeout::TimeoutConfig::builder()
                    .operation_attempt_timeout(TRY_TIMEOUT)
                    .operation_timeout(CALL_TIMEOUT)
                    .build(),
            );
        config.set_endpoint_url($endpoint.clone());
        $service::Client::from_conf(config.build())
    }};
}

impl Aws {
    /// Lambda's variables: `AWS_REGION`, the credentials, and the SDKs' `AWS_ENDPOINT_URL` with its
    /// per-service forms.
    #[must_use]
    pub fn from_env(env: &Env) -> Self {
        let endpoint = |service: &str| {
            let specific = env.get(&format!("AWS_ENDPOINT_URL_{service}"));
            specific
                .or_else(|| env.get("AWS_ENDPOINT_URL"))
                .map(str::to_owned)
        };
        let text = |name: &str| env.get(name).unwrap_or_default().to_owned();
        Self {
            region: Region::new(text("AWS_REGION")),
            credentials: Credentials::from_keys(
                text("AWS_ACCESS_KEY_ID"),
                text("AWS_SECRET_ACCESS_KEY"),
                env.get("AWS_SESSION_TOKEN").map(str::to_owned),
            ),
            endpoints: Endpoints {
                dynamodb: endpoint("DYNAMODB"),
                sqs: endpoint("SQS"),
                secretsmanager: endpoint("SECRETS_MANAGER"),
            },
            http: aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .build_https(),
        }
    }

    /// Clients that hand their requests to `http` instead of the network.
    #[must_use]
    pub fn over(http: SharedHttpClient) -> Self {
        Self {
            region: Region::from_static("local-1"),
            credentials: Credentials::from_keys("local", "local", None),
            endpoints: Endpoints::default(),
            http,
        }
    }

    /// The same in another region. The SDK keeps one budget of retries per region and service for
    /// the whole process: where one process stands for many, each needs a region of its own.
    #[must_use]
    pub fn in_region(self, region: impl Into<String>) -> Self {
        Self {
            region: Region::new(region.into()),
            ..self
        }
    }

    /// A DynamoDB client that waits at most 2 s for a try and 5 s for a call.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        config!(aws_sdk_dynamodb, self, self.endpoints.dynamodb)
    }

    /// An SQS client that waits at most 2 s for a try and 5 s for a call.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        config!(aws_sdk_sqs, self, self.endpoints.sqs)
    }

    /// A Secrets Manager client that waits at most 2 s for a try and 5 s for a call.
    #[must_use]
    pub fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        config!(aws_sdk_secretsmanager, self, self.endpoints.secretsmanager)
    }
}

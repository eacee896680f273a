//! The AWS account of one test: embedded services on loopback, with what `template.yaml` describes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_local::{Embedded, Location};
use bytes::Bytes;
use contract::template::{Template, referenced};
use domain::api_key::{Access, Grant, Key, Role};
use domain::health::Health;
use domain::id::{EndpointId, NetworkId};
use domain::signing::{self, Scheme};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use runtime::{Aws, Clock, Random};
use serde_json::{Value, json};
use simulator::Simulator;
use store::{Dated, Store};
use tokio::net::TcpListener;
use vault::{Headers, Vault};

use crate::sandbox::Sandbox;

pub(crate) struct World {
    template: Template,
    pub(crate) services: Embedded,
    pub(crate) phones: Simulator,
    endpoint: String,
    queues: BTreeMap<String, String>,
    /// Function and action.
    used: Mutex<BTreeSet<(String, String)>>,
    keys: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Clock::system();
        let services =
            Embedded::open(Location::Memory, Arc::new(move || clock.now().millis())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = services.clone();
        tokio::spawn(async move { served.serve(listener, std::future::pending::<()>()).await });
        let mut world = Self {
            template: Template::load(),
            services,
            phones: Simulator::start(Clock::system()).await.unwrap(),
            endpoint,
            queues: BTreeMap::new(),
            used: Mutex::default(),
            keys: AtomicU64::default(),
        };
        world.create_table().await;
        world.create_queues().await;
        world
    }

    async fn create_table(&self) {
        let table = self.template.properties("Table");
        let create = json!({
            "TableName": "Table",
            "BillingMode": table["BillingMode"],
            "AttributeDefinitions": table["AttributeDefinitions"],
            "KeySchema": table["KeySchema"],
            "GlobalSecondaryIndexes": table["GlobalSecondaryIndexes"],
        });
        self.aws("DynamoDB_20120810.CreateTable", &create).await;
    }

    async fn create_queues(&mut self) {
        let names: Vec<String> = self
            .template
            .resources("AWS::SQS::Queue")
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for name in names {
            let created = self
                .aws("AmazonSQS.CreateQueue", &json!({ "QueueName": name }))
                .await;
            self.queues
                .insert(name, created["QueueUrl"].as_str().unwrap().to_owned());
        }
    }

    /// A key that may do everything in the network `demo`.
    pub(crate) async fn key(&self) -> String {
        let access = Access::Role(Role::SuperAdmin);
        let key = Key::generate(&access, [7; 10], [9; 32]);
        let grant = Grant {
            network: NetworkId::parse("demo"),
            access,
            hash: key.hash(),
            expires: None,
        };
        let store = Store::new(Aws::over(self.services.http_client()).dynamodb(), "Table");
        store.put_api_key(&key, &grant).await.unwrap();
        key.expose().to_owned()
    }

    /// An `Idempotency-Key` of its own for each request.
    pub(crate) fn next_key(&self) -> String {
        self.keys.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// The endpoint counts as slow for a minute, or no more.
    pub(crate) async fn endpoint_is_slow(&self, slow: bool) {
        let store = Store::new(Aws::over(self.services.http_client()).dynamodb(), "Table");
        let network = NetworkId::parse("demo").unwrap();
        let endpoint = store.list_endpoints(&network).await.unwrap()[0].id;
        let before = store.health(&network, endpoint).await.unwrap();
        let until = Clock::system().now().after(Duration::from_secs(60));
        let health = Health {
            slow_until: slow.then_some(until),
            ..before.health
        };
        let changed = store.change_health(&network, endpoint, before, health);
        assert!(changed.await.unwrap().is_some());
    }

    /// The certificates of an endpoint and of one that is gone end in ten days.
    pub(crate) async fn certificates_end(&self) {
        let store = Store::new(Aws::over(self.services.http_client()).dynamodb(), "Table");
        let network = NetworkId::parse("demo").unwrap();
        let ends = Clock::system()
            .now()
            .after(Duration::from_secs(10 * 24 * 3600));
        let endpoint = store.list_endpoints(&network).await.unwrap()[0].id;
        for id in [endpoint, EndpointId::from_bytes([1; 16])] {
            let subject = Dated::Endpoint(id);
            store.watch_expiry(&network, subject, ends).await.unwrap();
        }
    }

    /// An endpoint was deleted two hours ago, and its keys could not be.
    pub(crate) async fn keys_left_over(&self) {
        let aws = Aws::over(self.services.http_client());
        let store = Store::new(aws.dynamodb(), "Table");
        let prefix = self.variables("CertExpiry")["SECRET_PREFIX"].clone();
        let vault = Vault::new(aws.secretsmanager(), prefix, Random::system());
        let (network, id) = (
            NetworkId::parse("demo").unwrap(),
            EndpointId::from_bytes([2; 16]),
        );
        let key = signing::Key::generate(Scheme::default(), [7; 32]);
        let added = vault.add(&network, id, &key, &Headers::new()).await;
        added.unwrap();
        let then = Clock::system().now().before(Duration::from_secs(2 * 3600));
        store.watch_keys(&network, id, then).await.unwrap();
    }

    pub(crate) fn functions(&self) -> Vec<&'static str> {
        // The names live as long as the tests do: a handful, leaked once per test.
        self.template
            .functions()
            .iter()
            .map(|function| &*function.id.to_owned().leak())
            .collect()
    }

    /// A function with the variables the template gives it, and with receivers on loopback allowed.
    pub(crate) async fn start(&self, function: &'static str) -> Sandbox {
        let mut variables = self.variables(function);
        if variables.contains_key("SECRET_PREFIX") {
            variables.insert("LOCAL_RECEIVERS".to_owned(), "true".to_owned());
        }
        let stand_ins = self.phones.stand_ins().to_owned();
        variables.insert("PROVIDER_STAND_INS".to_owned(), stand_ins);
        variables.insert("AWS_ENDPOINT_URL".to_owned(), self.endpoint.clone());
        Sandbox::start(function, &variables).await
    }

    /// The template's variables of a function, resolved as CloudFormation would for a deployment with
    /// no option chosen. What only an option sets is empty.
    pub(crate) fn variables(&self, function: &str) -> BTreeMap<String, String> {
        let variables = self.template.function(function).variables().iter();
        variables
            .map(|(name, value)| (name.clone(), self.resolve(value)))
            .collect()
    }

    fn resolve(&self, value: &Value) -> String {
        if let Some(text) = value.as_str() {
            return text.to_owned();
        }
        if let Some(text) = value["Fn::Sub"].as_str() {
            return text.replace("${AWS::StackName}", "test");
        }
        if let Some([separator, Value::Array(parts)]) =
            value["Fn::Join"].as_array().map(Vec::as_slice)
        {
            let parts: Vec<_> = parts.iter().map(|part| self.resolve(part)).collect();
            return parts.join(separator.as_str().unwrap());
        }
        if let Some(otherwise) = value["Fn::If"].get(2) {
            return self.resolve(otherwise);
        }
        let name = referenced(value).unwrap();
        self.queues
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) {
        let message = json!({ "QueueUrl": self.queues[queue], "MessageBody": body, "MessageGroupId": "demo" });
        self.aws("AmazonSQS.SendMessage", &message).await;
    }

    /// Everything visible in a queue, as the batch Lambda would hand to the function behind it.
    pub(crate) async fn batch(&self, queue: &str) -> Value {
        let receive = json!({
            "QueueUrl": self.queues[queue], "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"],
        });
        let received = self.aws("AmazonSQS.ReceiveMessage", &receive).await;
        let mut batch: Value =
            serde_json::from_str(include_str!("../../../fixtures/sqs-batch.json")).unwrap();
        let example = batch["Records"][0].take();
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        let record = |message: &Value| {
            let mut record = example.clone();
            record["messageId"] = message["MessageId"].clone();
            record["receiptHandle"] = message["ReceiptHandle"].clone();
            record["body"] = message["Body"].clone();
            record["md5OfBody"] = message["MD5OfBody"].clone();
            record["attributes"] = message["Attributes"].clone();
            record["eventSourceARN"] = format!("arn:aws:sqs:eu-west-1:123456789012:{queue}").into();
            record
        };
        batch["Records"] = messages.iter().map(record).collect();
        batch
    }

    /// Runs `work` and fails if AWS would have refused a call that was made meanwhile.
    pub(crate) async fn within_permissions<T>(
        &self,
        function: &str,
        work: impl Future<Output = T>,
    ) -> T {
        self.services.reset_calls();
        let result = work.await;
        let granted = self.granted(function);
        let calls = self.services.calls();
        let parts = calls.transacted.into_keys();
        let mut needed: Vec<_> = parts.map(|part| format!("dynamodb:{part}")).collect();
        for (service, operations) in calls.operations {
            needed.extend(operations.keys().filter_map(|name| action(&service, name)));
        }
        for action in needed {
            assert!(
                granted.contains(&action),
                "{function} does what its policies do not allow: {action}"
            );
            let mut used = self.used.lock().unwrap();
            used.insert((function.to_owned(), action));
        }
        result
    }

    /// The calls of the last work done within permissions.
    pub(crate) fn calls(&self) -> Vec<String> {
        let services = self.services.calls().operations.into_iter();
        services
            .flat_map(|(service, operations)| {
                let each = operations.into_iter();
                each.map(move |(operation, times)| (format!("{service}:{operation}"), times))
                    .collect::<Vec<_>>()
            })
            .flat_map(|(call, times)| std::iter::repeat_n(call, usize::try_from(times).unwrap()))
            .collect()
    }

    /// Fails if a function was granted an action that none of its calls needed.
    pub(crate) fn all_permissions_were_used(&self) {
        let used = self.used.lock().unwrap();
        for function in self.functions() {
            let mut granted = self.granted(function);
            // Lambda's own calls, made in the function's name.
            granted.retain(|action| {
                ![
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                ]
                .contains(&action.as_str())
            });
            granted.retain(|action| !used.contains(&(function.to_owned(), action.clone())));
            assert!(
                granted.is_empty(),
                "{function} was granted {granted:?} and needed none of it"
            );
        }
    }

    fn granted(&self, function: &str) -> BTreeSet<String> {
        let grants = self.template.function(function).grants().into_iter();
        grants.map(|(action, _)| action.to_owned()).collect()
    }

    /// One AWS call as an SDK makes it.
    async fn aws(&self, target: &str, body: &Value) -> Value {
        let request = Request::post(&self.endpoint)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let response = Client::builder(TokioExecutor::new())
            .build_http()
            .request(request)
            .await
            .unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(
            status.is_success(),
            "{target}: {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).unwrap_or_default()
    }
}

/// The IAM action that AWS asks for when it is asked for an operation; a transaction is asked for by
/// its parts.
fn action(service: &str, operation: &str) -> Option<String> {
    match operation {
        "TransactWriteItems" => None,
        "SendMessageBatch" => Some(format!("{service}:SendMessage")),
        other => Some(format!("{service}:{other}")),
    }
}

//! How fast the embedded services are on this computer:
//! `cargo run --release -p aws-local --example rates`.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_local::{ClockFn, Embedded, Location, QueueAttributes};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const MESSAGES: usize = 40_000;
const TASKS: usize = 16;
const WRITES: usize = 16_000;
const QUEUE: &str = "rates";
const TABLE: &str = "rates";

#[tokio::main(worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the rates are this program's output")]
async fn main() -> Outcome {
    let directory = std::env::temp_dir().join(format!("aws-local-rates-{}", std::process::id()));
    for (name, location) in [
        ("memory", Location::Memory),
        ("durable", Location::Directory(directory.clone())),
    ] {
        let embedded = Embedded::open(location, system_clock())?;
        embedded
            .sqs()
            .create_queue(QUEUE, QueueAttributes::default())?;
        let typed = typed_queue(&embedded).await?;
        let sdk = sdk_queue(&embedded).await?;
        println!("{name}: sqs send+receive+delete, sdk batches of 10: {sdk:.0} messages/s");
        println!("{name}: sqs sdk send, typed receive+delete: {typed:.0} messages/s");
        let (puts, updates, gets) = table(&embedded).await?;
        println!(
            "{name}: dynamodb puts {puts:.0}/s, conditional updates {updates:.0}/s, gets {gets:.0}/s"
        );
    }
    remove(directory)
}

fn remove(directory: PathBuf) -> Outcome {
    std::fs::remove_dir_all(directory).map_err(Into::into)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement runs on the system's clock"
)]
fn system_clock() -> ClockFn {
    Arc::new(|| {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn sqs_client(embedded: &Embedded) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .http_client(embedded.http_client());
    aws_sdk_sqs::Client::from_conf(config.build())
}

async fn send_all(client: aws_sdk_sqs::Client, url: String, batches: usize) -> Outcome {
    let body = "x".repeat(1_000);
    for _ in 0..batches {
        let entries = (0..10).map(|id| {
            SendMessageBatchRequestEntry::builder()
                .id(id.to_string())
                .message_body(&body)
                .build()
        });
        let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        client
            .send_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries))
            .send()
            .await?;
    }
    Ok(())
}

async fn drain_all(client: aws_sdk_sqs::Client, url: String, mut messages: usize) -> Outcome {
    while messages > 0 {
        let received = client
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(10)
            .send()
            .await?;
        let entries: Vec<_> = received
            .messages()
            .iter()
            .enumerate()
            .map(|(id, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string());
                entry
                    .set_receipt_handle(message.receipt_handle.clone())
                    .build()
            })
            .collect::<Result<_, _>>()?;
        messages = messages.saturating_sub(entries.len());
        if entries.is_empty() {
            return Ok(());
        }
        client
            .delete_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries))
            .send()
            .await?;
    }
    Ok(())
}

async fn sdk_queue(embedded: &Embedded) -> Outcome<f64> {
    let client = sqs_client(embedded);
    let url = client
        .get_queue_url()
        .queue_name(QUEUE)
        .send()
        .await?
        .queue_url
        .unwrap_or_default();
    let start = Instant::now();
    let batches = MESSAGES / TASKS / 10;
    run(TASKS, || send_all(client.clone(), url.clone(), batches)).await?;
    run(TASKS, || drain_all(client.clone(), url.clone(), MESSAGES)).await?;
    Ok(per_second(MESSAGES, start))
}

async fn typed_queue(embedded: &Embedded) -> Outcome<f64> {
    let client = sqs_client(embedded);
    let url = client
        .get_queue_url()
        .queue_name(QUEUE)
        .send()
        .await?
        .queue_url
        .unwrap_or_default();
    let start = Instant::now();
    let batches = MESSAGES / TASKS / 10;
    let sending = run(TASKS, || send_all(client.clone(), url.clone(), batches));
    let draining = run(4, || {
        let embedded = embedded.clone();
        async move {
            loop {
                let received = embedded
                    .sqs()
                    .receive(QUEUE, 10, Duration::from_millis(200))
                    .await;
                if received.is_empty() {
                    return Ok(());
                }
                let receipts: Vec<&str> = received
                    .iter()
                    .map(|message| message.receipt_handle.as_str())
                    .collect();
                embedded.sqs().delete_batch(QUEUE, &receipts).await?;
            }
        }
    });
    tokio::try_join!(sending, draining)?;
    // The last empty poll waits and is not work.
    Ok(per_second(MESSAGES, start + Duration::from_millis(200)))
}

async fn table(embedded: &Embedded) -> Outcome<(f64, f64, f64)> {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .http_client(embedded.http_client());
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let definition = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S)
        .build()?;
    let key = KeySchemaElement::builder()
        .attribute_name("pk")
        .key_type(KeyType::Hash)
        .build()?;
    let create = client
        .create_table()
        .table_name(TABLE)
        .attribute_definitions(definition)
        .key_schema(key);
    create
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await?;
    let each = WRITES / TASKS;
    let start = Instant::now();
    run_numbered(|task| puts(client.clone(), task, each)).await?;
    let put_rate = per_second(WRITES, start);
    let start = Instant::now();
    run_numbered(|task| updates(client.clone(), task, each)).await?;
    let update_rate = per_second(WRITES, start);
    let start = Instant::now();
    run_numbered(|task| gets(client.clone(), task, each)).await?;
    Ok((put_rate, update_rate, per_second(WRITES, start)))
}

fn key(task: usize, item: usize) -> AttributeValue {
    AttributeValue::S(format!("item-{task}-{item}"))
}

async fn puts(client: aws_sdk_dynamodb::Client, task: usize, count: usize) -> Outcome {
    let body = AttributeValue::S("x".repeat(600));
    for item in 0..count {
        let put = client
            .put_item()
            .table_name(TABLE)
            .item("pk", key(task, item))
            .item("body", body.clone());
        put.item("state", AttributeValue::S("pending".to_owned()))
            .send()
            .await?;
    }
    Ok(())
}

async fn updates(client: aws_sdk_dynamodb::Client, task: usize, count: usize) -> Outcome {
    for item in 0..count {
        let update = client
            .update_item()
            .table_name(TABLE)
            .key("pk", key(task, item));
        let update = update
            .update_expression("SET #s = :done")
            .condition_expression("#s = :pending");
        let update = update.expression_attribute_names("#s", "state");
        let update =
            update.expression_attribute_values(":done", AttributeValue::S("done".to_owned()));
        update
            .expression_attribute_values(":pending", AttributeValue::S("pending".to_owned()))
            .send()
            .await?;
    }
    Ok(())
}

async fn gets(client: aws_sdk_dynamodb::Client, task: usize, count: usize) -> Outcome {
    for item in 0..count {
        client
            .get_item()
            .table_name(TABLE)
            .key("pk", key(task, item))
            .send()
            .await?;
    }
    Ok(())
}

async fn run<F: Future<Output = Outcome> + Send + 'static>(
    tasks: usize,
    task: impl Fn() -> F,
) -> Outcome {
    let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(task())).collect();
    for task in running {
        task.await??;
    }
    Ok(())
}

async fn run_numbered<F: Future<Output = Outcome> + Send + 'static>(
    task: impl Fn(usize) -> F,
) -> Outcome {
    let running: Vec<_> = (0..TASKS)
        .map(|number| tokio::spawn(task(number)))
        .collect();
    for task in running {
        task.await??;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn per_second(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

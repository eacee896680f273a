//! Lambda's event source mappings: from queues to functions.
//!
//! A batch succeeds as a whole unless the function names failed records. A function that fails,
//! panics or runs too long keeps the whole batch in the queue until its visibility timeout.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_local::{Received, Sqs};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runtime::Clock;
use telemetry::Telemetry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::event::{CallFailed, DeleteFailed};
use crate::handlers::{BatchCall, Bound};
use crate::invoke;
use crate::shutdown::Shutdown;
use crate::template::QueueSource;
use crate::world;

/// Lambda starts with five pollers per queue.
const POLLERS: usize = 5;
/// Lambda adds up to 300 concurrent batches per minute while a queue keeps all of them busy.
const GROWTH_EVERY: Duration = Duration::from_secs(1);
const GROWTH: usize = 5;
/// Lambda allows 1,250 per queue; beyond this, one process only adds waiting.
const MOST_BATCHES: usize = 100;
/// The longest poll SQS knows.
const LONG_POLL: Duration = Duration::from_secs(20);

/// One queue and the function it feeds.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) source: QueueSource,
    pub(crate) bound: Bound<BatchCall>,
    pub(crate) sqs: Sqs,
    pub(crate) clock: Clock,
    pub(crate) telemetry: Telemetry,
    /// Polls that returned nothing, of all mappings: waiting is no work to be measured.
    pub(crate) idle_polls: Arc<AtomicU64>,
}

/// How many batches of one queue may be worked at once, and how many could be made possible.
#[derive(Debug, Clone)]
struct Capacity {
    permits: Arc<Semaphore>,
    spare: Arc<Semaphore>,
}

impl Mapping {
    /// Polls until the end is told, then waits for the batches under way.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let most = self
            .source
            .max_concurrency
            .unwrap_or(MOST_BATCHES)
            .min(MOST_BATCHES);
        let capacity = Capacity::new(most);
        let mut pollers = JoinSet::new();
        for _ in 0..POLLERS.min(most) {
            pollers.spawn(self.clone().poll(capacity.clone(), shutdown.clone()));
        }
        while pollers.join_next().await.is_some() {}
    }

    async fn poll(self, capacity: Capacity, shutdown: Shutdown) {
        let mut batches = JoinSet::new();
        while let Some(permit) = shutdown.or(capacity.take()).await {
            let Some(batch) = shutdown.or(self.gather()).await else {
                break;
            };
            if !batch.is_empty() {
                let mapping = self.clone();
                batches.spawn(async move {
                    mapping.work(batch).await;
                    drop(permit);
                });
            }
            while batches.try_join_next().is_some() {}
        }
        while batches.join_next().await.is_some() {}
    }

    /// A batch: what is there, or what comes within the window after its first message.
    async fn gather(&self) -> Vec<Received> {
        let size = self.source.batch_size;
        let mut batch = self.receive(size, LONG_POLL).await;
        let closes = Instant::now() + self.source.window;
        while !batch.is_empty() && batch.len() < size {
            let left = closes.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            batch.extend(self.receive(size - batch.len(), left).await);
        }
        batch
    }

    async fn receive(&self, most: usize, wait: Duration) -> Vec<Received> {
        let received = self.sqs.receive(&self.source.queue, most, wait).await;
        if received.is_empty() {
            self.idle_polls.fetch_add(1, Ordering::Relaxed);
        }
        received
    }

    async fn work(&self, batch: Vec<Received>) {
        let event = batch_event(&self.source.queue, &batch);
        match invoke::run(self.bound.timeout, (self.bound.call)(event)).await {
            Ok(answer) => self.delete(succeeded(&batch, &answer)).await,
            Err(failure) => self.emit(&CallFailed::new(&self.bound.function, &failure)),
        }
    }

    async fn delete(&self, receipts: Vec<&str>) {
        if receipts.is_empty() {
            return;
        }
        if let Err(error) = self.sqs.delete_batch(&self.source.queue, &receipts).await {
            let queue = self.source.queue.clone();
            self.emit(&DeleteFailed {
                queue,
                error: error.to_string(),
            });
        }
    }

    fn emit(&self, event: &impl telemetry::Event) {
        self.telemetry.emit(event, self.clock.now().millis());
    }
}

impl Capacity {
    fn new(most: usize) -> Self {
        let now = POLLERS.min(most);
        Self {
            permits: Arc::new(Semaphore::new(now)),
            spare: Arc::new(Semaphore::new(most - now)),
        }
    }

    /// A place for one more batch; a queue that waits for one for a while gets more places.
    async fn take(&self) -> OwnedSemaphorePermit {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned();
            if let Ok(Ok(permit)) = tokio::time::timeout(GROWTH_EVERY, permit).await {
                return permit;
            }
            let growth = self.spare.available_permits().min(GROWTH);
            if let Ok(grown) = self
                .spare
                .try_acquire_many(u32::try_from(growth).unwrap_or_default())
            {
                grown.forget();
                self.permits.add_permits(growth);
            }
        }
    }
}

/// What Lambda hands a function for these messages of `queue`.
#[must_use]
pub fn batch_event(queue: &str, batch: &[Received]) -> SqsEvent {
    let arn = world::arn("sqs", queue);
    let mut event = SqsEvent::default();
    event.records = batch
        .iter()
        .map(|received| record(received, &arn))
        .collect();
    event
}

/// The receipts to delete. As on AWS, a failure without an id, or with one that is not in the
/// batch, fails the complete batch: deleting on a guess could lose a message.
#[must_use]
pub fn succeeded<'a>(batch: &'a [Received], answer: &SqsBatchResponse) -> Vec<&'a str> {
    let failed: HashSet<&str> = answer
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    let known = |id: &&&str| batch.iter().any(|received| received.message_id == **id);
    if failed.iter().filter(known).count() < failed.len() {
        return Vec::new();
    }
    let good = batch
        .iter()
        .filter(|received| !failed.contains(received.message_id.as_str()));
    good.map(|received| received.receipt_handle.as_str())
        .collect()
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>, "Example Amazon SQS message event".
fn record(received: &Received, arn: &str) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(received.message_id.clone());
    record.receipt_handle = Some(received.receipt_handle.clone());
    record.body = Some(received.body.clone());
    record.md5_of_body = Some(received.body_md5.clone());
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(arn.to_owned());
    record.aws_region = Some(world::REGION.to_owned());
    let system = [
        (
            "ApproximateReceiveCount",
            Some(received.receive_count.to_string()),
        ),
        ("SentTimestamp", Some(received.sent_ms.to_string())),
        ("SenderId", Some(world::ACCOUNT.to_owned())),
        (
            "ApproximateFirstReceiveTimestamp",
            Some(received.first_received_ms.to_string()),
        ),
        ("MessageGroupId", received.group_id.clone()),
        (
            "DeadLetterQueueSourceArn",
            received.dead_letter_source_arn.clone(),
        ),
        ("AWSTraceHeader", received.trace_header.clone()),
    ];
    record.attributes = system
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    for (name, attribute) in &received.attributes {
        let mut copy = SqsMessageAttribute::default();
        copy.data_type = Some(attribute.data_type.clone());
        copy.string_value.clone_from(&attribute.string_value);
        let binary = attribute
            .binary_value
            .as_ref()
            .and_then(|text| STANDARD.decode(text).ok());
        copy.binary_value = binary.map(|bytes| {
            let mut data = Base64Data::default();
            data.0 = bytes;
            data
        });
        record.message_attributes.insert(name.clone(), copy);
    }
    record
}

#[cfg(test)]
mod tests;

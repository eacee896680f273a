//! Over the embedded queues, with a clock the tests move.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aws_lambda_events::sqs::BatchItemFailure;
use aws_local::{Embedded, Location, QueueAttributes, QueueCounts, Redrive};
use domain::time::Timestamp;
use runtime::Aws;
use tokio::sync::mpsc;

use super::*;
use crate::handlers::Failed;
use crate::shutdown::{Trigger, channel};

struct World {
    embedded: Embedded,
    now: Arc<AtomicU64>,
    /// The bodies of each batch.
    batches: mpsc::UnboundedReceiver<Vec<String>>,
    log: Arc<Mutex<Vec<String>>>,
    trigger: Trigger,
    running: tokio::task::JoinHandle<()>,
}

fn source(batch_size: usize, window: u64) -> QueueSource {
    QueueSource {
        logical: "Source".to_owned(),
        function: "Worker".to_owned(),
        queue: "work".to_owned(),
        batch_size,
        window: Duration::from_secs(window),
        max_concurrency: None,
    }
}

/// Starts pollers whose handler is `handle`.
fn start<H, F>(source: QueueSource, handle: H) -> World
where
    H: Fn(SqsEvent) -> F + Send + Sync + 'static,
    F: Future<Output = Result<SqsBatchResponse, Failed>> + Send + 'static,
{
    let now = Arc::new(AtomicU64::new(1_000));
    let (clock, stamp) = (Arc::clone(&now), Arc::clone(&now));
    let embedded = Embedded::open(
        Location::Memory,
        Arc::new(move || clock.load(Ordering::SeqCst)),
    )
    .unwrap();
    let redrive = Some(Redrive {
        dead_letter_queue: "dead".to_owned(),
        max_receive_count: 2,
    });
    embedded
        .sqs()
        .create_queue("dead", QueueAttributes::default())
        .unwrap();
    embedded
        .sqs()
        .create_queue(
            "work",
            QueueAttributes {
                redrive,
                ..QueueAttributes::default()
            },
        )
        .unwrap();
    let (sender, batches) = mpsc::unbounded_channel();
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let call: BatchCall = Arc::new(move |event: SqsEvent| {
        sender
            .send(
                event
                    .records
                    .iter()
                    .filter_map(|record| record.body.clone())
                    .collect(),
            )
            .unwrap();
        Box::pin(handle(event))
    });
    let mapping = Mapping {
        source,
        bound: Bound {
            function: "Worker".into(),
            timeout: Duration::from_secs(3),
            call,
        },
        sqs: embedded.sqs().clone(),
        clock: Clock::from_fn(move || Timestamp::from_millis(stamp.load(Ordering::SeqCst))),
        telemetry: Telemetry::to(move |_, line| lines.lock().unwrap().push(line.to_owned())),
        idle_polls: Arc::default(),
    };
    let (trigger, shutdown) = channel();
    let running = tokio::spawn(mapping.run(shutdown));
    World {
        embedded,
        now,
        batches,
        log,
        trigger,
        running,
    }
}

impl World {
    async fn send(&self, bodies: &[&str]) {
        let sqs = Aws::over(self.embedded.http_client()).sqs();
        for body in bodies {
            sqs.send_message()
                .queue_url(world::queue_url("work"))
                .message_body(*body)
                .send()
                .await
                .unwrap();
        }
    }

    /// The bodies worked so far and now, until there are `count`.
    async fn worked(&mut self, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            bodies.extend(self.batches.recv().await.unwrap());
        }
        bodies.sort();
        bodies
    }

    /// Lets the visibility timeout of everything in flight pass.
    fn pass_visibility(&self) {
        self.now.fetch_add(31_000, Ordering::SeqCst);
        self.embedded.sqs().tick();
    }

    /// Waits until the queue holds exactly this many visible and in-flight messages.
    async fn until(&self, queue: &str, visible: usize, in_flight: usize) {
        let wanted = QueueCounts {
            visible,
            in_flight,
            delayed: 0,
        };
        level(|| self.embedded.sqs().counts(queue) == wanted).await;
    }

    async fn logged(&self, words: &str) {
        level(|| {
            self.log
                .lock()
                .unwrap()
                .iter()
                .any(|line| line.contains(words))
        })
        .await;
    }
}

/// Waits for a level, for as long as there is hope.
async fn level(reached: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if reached() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the awaited state never came");
}

/// Names the records whose body is `poison` as failed.
async fn poison_fails(event: SqsEvent) -> Result<SqsBatchResponse, Failed> {
    let mut answer = SqsBatchResponse::default();
    for record in event.records {
        if record.body.as_deref() == Some("poison") {
            answer.add_failure(record.message_id.unwrap_or_default());
        }
    }
    Ok(answer)
}

#[tokio::test]
async fn a_poisoned_record_stays_alone_until_it_is_a_dead_letter() {
    let mut world = start(source(10, 0), poison_fails);
    world.send(&["a", "poison", "b"]).await;
    assert_eq!(world.worked(3).await, ["a", "b", "poison"]);
    world.until("work", 0, 1).await;

    world.pass_visibility();
    assert_eq!(world.worked(1).await, ["poison"]);
    world.until("work", 0, 1).await;

    // The third receive is one too many.
    world.pass_visibility();
    world.until("dead", 1, 0).await;
    world.until("work", 0, 0).await;
}

#[tokio::test]
async fn a_handler_that_fails_keeps_its_batch() {
    let mut world = start(source(10, 0), |event: SqsEvent| async move {
        assert!(
            event
                .records
                .iter()
                .all(|record| record.body.as_deref() != Some("panic")),
            "on purpose"
        );
        Err("the table is gone".into())
    });
    world.send(&["panic"]).await;
    world.logged("panicked").await;
    world.send(&["error"]).await;
    world
        .logged("the handler returned an error: the table is gone")
        .await;
    assert_eq!(world.worked(2).await, ["error", "panic"]);
    world.until("work", 0, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_too_slow_is_dropped() {
    let mut world = start(source(10, 0), |_| std::future::pending());
    world.send(&["slow"]).await;
    assert_eq!(world.worked(1).await, ["slow"]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.logged("longer than its timeout of 3s").await;
    world.until("work", 0, 1).await;
}

#[tokio::test]
async fn a_failure_that_names_no_record_fails_the_whole_batch() {
    for name in ["", "someone-else"] {
        let mut world = start(source(10, 0), move |_| async move {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = name.to_owned();
            let mut answer = SqsBatchResponse::default();
            answer.batch_item_failures = vec![failure];
            Ok(answer)
        });
        world.send(&["a"]).await;
        assert_eq!(world.worked(1).await, ["a"]);
        world.until("work", 0, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_is_waited_for_and_gathers() {
    let source = QueueSource {
        max_concurrency: Some(2),
        ..source(20, 5)
    };
    let mut world = start(source, poison_fails);
    world.send(&["a"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.send(&["b"]).await;
    assert!(
        tokio::time::timeout(Duration::from_secs(2), world.batches.recv())
            .await
            .is_err()
    );
    assert_eq!(world.worked(2).await, ["a", "b"]);
    world.until("work", 0, 0).await;
}

#[tokio::test(start_paused = true)]
async fn concurrency_grows_to_its_maximum_and_no_further() {
    let gate = Arc::new(Semaphore::new(0));
    let inside = Arc::new(AtomicU64::new(0));
    let (door, count) = (Arc::clone(&gate), Arc::clone(&inside));
    let source = QueueSource {
        max_concurrency: Some(7),
        ..source(1, 0)
    };
    let mut world = start(source, move |_| {
        let (door, count) = (Arc::clone(&door), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            door.acquire().await?.forget();
            Ok(SqsBatchResponse::default())
        }
    });
    let bodies: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    world
        .send(&bodies.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world.until("work", 15, 5).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.until("work", 13, 7).await;
    assert_eq!(inside.load(Ordering::SeqCst), 7);
    gate.add_permits(100);
    let worked: BTreeSet<String> = world.worked(20).await.into_iter().collect();
    assert_eq!(worked.len(), 20);
    world.trigger.pull();
    world.running.await.unwrap();
    assert_eq!(world.embedded.sqs().counts("work"), QueueCounts::default());
}

//! Lambda's part: it hands messages to processes, ends some of them, and wakes what is due.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use aws_local::Received;
use domain::time::Timestamp;
use local::template::QueueSource;
use store::{DUE_SHARDS, Due};
use tokio::time::{Instant, timeout};

use crate::faulty::subject;
use crate::sandbox::{Dying, Input, Kind, Sandbox};
use crate::stage::Stage;
use crate::world::{HORIZON_MS, World};

const MINUTE_MS: u64 = 60_000;
/// The sweep looks this far ahead, so it is called this long before something is due.
const LOOK_AHEAD_MS: u64 = 90_000;

/// What a process was handed.
pub(crate) enum Work {
    Batch { queue: String, batch: Vec<Received> },
    Sweep,
}

impl Work {
    /// The event source that it comes from.
    fn source(&self) -> &str {
        match self {
            Self::Batch { queue, .. } => queue,
            Self::Sweep => SCHEDULE,
        }
    }
}

const SCHEDULE: &str = "the schedule";

/// How it went.
pub(crate) struct Finished {
    kind: Kind,
    work: Work,
    /// `None` when its process died.
    survivor: Option<Sandbox>,
    answer: Option<SqsBatchResponse>,
}

impl World {
    /// Hands visible messages to processes, as long as there are some free.
    pub(crate) async fn hand_out(&mut self) {
        let mut sources = self.template.sources.clone();
        // Receiving from a queue is what moves its worn-out messages to its dead-letter queue.
        sources.sort_by_key(|source| self.kind(source) == Some(Kind::Quarantine));
        for source in sources {
            let Some(kind) = self.kind(&source) else {
                continue;
            };
            while self.has_room(&source.queue) {
                let stage = Arc::clone(&self.stage);
                let most = if stage.storms() {
                    1 + stage.chance.index(10)
                } else {
                    10
                };
                let mut batch = self
                    .cloud
                    .sqs()
                    .receive(&source.queue, most, Duration::ZERO)
                    .await;
                if batch.is_empty() {
                    break;
                }
                stage.chance.shuffle(&mut batch);
                if stage.doubles(stage.plan.rates.twice) {
                    stage.tell(&format!("{} hands a batch out twice", source.queue));
                    self.note_copies(&batch);
                    self.start(kind, batch_of(&source, batch.clone()));
                }
                self.start(kind, batch_of(&source, batch));
            }
        }
    }

    fn note_copies(&self, batch: &[Received]) {
        for received in batch {
            if let Some(subject) = subject(&received.body) {
                self.stage.copied(&subject);
            }
        }
    }

    fn kind(&self, source: &QueueSource) -> Option<Kind> {
        let function = self.template.function(&source.function)?;
        let mut kinds = self.stage.plan.kinds().iter().copied();
        kinds.find(|kind| kind.package() == function.package)
    }

    /// As Lambda counts it: each event source has so many processes, whatever else they may do.
    fn has_room(&self, source: &str) -> bool {
        self.at_work(source) < self.stage.plan.processes
    }

    fn at_work(&self, source: &str) -> usize {
        self.at_work.get(source).copied().unwrap_or_default()
    }

    /// Gives work to a process of this function, and decides what happens to it.
    fn start(&mut self, kind: Kind, work: Work) {
        let stage = Arc::clone(&self.stage);
        *self.at_work.entry(work.source().to_owned()).or_default() += 1;
        let sandbox = self.warm.entry(kind).or_default().pop();
        let sandbox = sandbox.unwrap_or_else(|| {
            self.started += 1;
            Sandbox::start(self, kind, self.started)
        });
        if stage.goes_wrong(stage.plan.rates.wrong_clock) {
            let wrong = *stage.chance.pick(&[-3_600_000, -30_000, 30_000, 3_600_000]);
            sandbox.process.skew.store(wrong, Ordering::SeqCst);
            stage.clock_jumped();
        }
        if !stage.storms() {
            // Once the storm is over, clocks are set right.
            sandbox.process.skew.store(0, Ordering::SeqCst);
        }
        let mut hold = Duration::ZERO;
        if let Work::Batch { batch, .. } = &work
            && stage.goes_wrong(stage.plan.rates.held)
        {
            hold = stage.chance.millis(0..600_000);
            // By then the messages may be handed out again, to be worked on at the same time. Fan-out
            // knows that, and marks what it sends.
            if kind != Kind::Fanout || stage.plan.push.is_some() {
                self.note_copies(batch);
            }
        }
        let begun = self.begun.entry(kind).or_default();
        let dies = match stage.plan.death {
            Some(death) if (death.kind, death.invocation) == (kind, *begun) => Some(death.poll),
            _ if stage.goes_wrong(stage.plan.rates.crash) => {
                Some(u32::try_from(stage.chance.number(0..kind.dying_polls())).unwrap())
            }
            _ => None,
        };
        *begun += 1;
        let limit = kind.function(&self.template).timeout;
        self.running.spawn(async move {
            tokio::time::sleep(hold).await;
            invoke(&stage, sandbox, work, dies, limit).await
        });
    }

    pub(crate) async fn finish(&mut self, finished: Finished) {
        let stage = Arc::clone(&self.stage);
        let Finished {
            kind,
            work,
            survivor,
            answer,
        } = finished;
        if let Some(at_work) = self.at_work.get_mut(work.source()) {
            *at_work -= 1;
        }
        let warm = self.warm.entry(kind).or_default();
        // Now and then Lambda ends a process that did nothing wrong.
        warm.extend(survivor.filter(|_| !stage.goes_wrong(0.2)));
        let (Work::Batch { queue, batch }, Some(answer)) = (work, answer) else {
            return;
        };
        if stage.goes_wrong(stage.plan.rates.undeleted) {
            stage.tell(&format!("{queue} keeps a finished batch"));
            if matches!(kind, Kind::Fanout | Kind::PushFanout) && stage.plan.push.is_some() {
                // What it owes is owed again, and may be under way twice.
                self.note_copies(&batch);
            }
            return;
        }
        let receipts = local::succeeded(&batch, &answer);
        stage.time.tell_cloud();
        if !receipts.is_empty() {
            self.cloud
                .sqs()
                .delete_batch(&queue, &receipts)
                .await
                .unwrap();
        }
    }

    /// The next moment at which something can happen by itself.
    pub(crate) async fn next_wake(&mut self) -> Option<Instant> {
        let time = self.stage.time.clone();
        let queues = self
            .template
            .sources
            .iter()
            .filter(|source| self.kind(source).is_some() && self.has_room(&source.queue));
        let visible = queues.filter_map(|source| self.cloud.sqs().next_visible_ms(&source.queue));
        let visible = visible.min().map(|ms| time.at_epoch(ms));
        let action = self.stage.plan.delay(self.acted);
        let action = action.map(|at| time.at(u64::try_from(at.as_millis()).unwrap()));
        let soon = visible.into_iter().chain(action).min();
        let sweep = self.next_sweep().await;
        soon.into_iter().chain(sweep).min()
    }

    /// Sweeps if it is time; else gives the minute of the next sweep that finds something.
    async fn next_sweep(&mut self) -> Option<Instant> {
        let sweeps = self.stage.plan.kinds().contains(&Kind::Sweep);
        if !sweeps || self.at_work(SCHEDULE) > 0 {
            return None;
        }
        let due = self.due().await;
        let first = due.iter().map(|due| due.due.millis()).min()?;
        let first = first.saturating_sub(LOOK_AHEAD_MS).max(self.swept_ms + 1);
        let minute = first.div_ceil(MINUTE_MS) * MINUTE_MS;
        if minute > self.stage.time.now() {
            return Some(self.stage.time.at_epoch(minute));
        }
        self.swept_ms = self.stage.time.now();
        self.start(Kind::Sweep, Work::Sweep);
        None
    }

    async fn due(&self) -> Vec<Due> {
        let until = Timestamp::from_millis(self.stage.time.now() + 2 * HORIZON_MS);
        let mut all = Vec::new();
        for shard in 0..DUE_SHARDS {
            let page = self.store.due(shard, until, 100, None).await.unwrap();
            all.extend(page.due.into_iter().map(Result::unwrap));
        }
        all
    }
}

fn batch_of(source: &QueueSource, batch: Vec<Received>) -> Work {
    Work::Batch {
        queue: source.queue.clone(),
        batch,
    }
}

async fn invoke(
    stage: &Stage,
    sandbox: Sandbox,
    work: Work,
    dies: Option<u32>,
    limit: Duration,
) -> Finished {
    let kind = sandbox.kind;
    let subjects = match &work {
        Work::Batch { batch, .. } => batch.iter().filter_map(|one| subject(&one.body)).collect(),
        Work::Sweep => Vec::new(),
    };
    let invocation = stage.begin(subjects, sandbox.process.skew.load(Ordering::SeqCst));
    sandbox
        .process
        .invocation
        .store(invocation, Ordering::SeqCst);
    if sandbox.process.stalled_until.load(Ordering::SeqCst) > stage.time.passed() {
        stage.wire_trouble(invocation);
    }
    let (input, size) = match &work {
        Work::Batch { queue, batch } => {
            (Input::Batch(local::batch_event(queue, batch)), batch.len())
        }
        Work::Sweep => (Input::Tick, 0),
    };
    stage.tell(&format!("{} begins with {size}", sandbox.process.name));
    let call = Dying::after(dies.unwrap_or(u32::MAX), (sandbox.call)(input));
    let Ok(Some(answer)) = timeout(limit, call).await else {
        stage.died(invocation);
        stage.tell(&format!("{} DIES", sandbox.process.name));
        return Finished {
            kind,
            work,
            survivor: None,
            answer: None,
        };
    };
    stage.ended(invocation);
    stage.tell(&format!("{} ends", sandbox.process.name));
    Finished {
        kind,
        work,
        survivor: Some(sandbox),
        answer: answer.ok(),
    }
}

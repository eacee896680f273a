//! Lambda, its event sources and its scheduler, in a time of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use aws_local::{Embedded, Location, Received};
use domain::delivery::State;
use domain::endpoint::{Disabled, Endpoint, Format, Limits, SecretRef, Timeout, disabled};
use domain::event::{Draft, Origin};
use domain::event_type::Pattern;
use domain::id::{EndpointId, EventId, NetworkId, ReplayId};
use domain::replay::{Job, Wanted};
use domain::retry::Schedule;
use domain::signing::{Key, Scheme};
use domain::time::Timestamp;
use local::template::{QueueSource, Template};
use queue::message::write_event;
use queue::replay::ReplayMessage;
use queue::{Outgoing, Queue};
use runtime::{Aws, Random};
use serde_json::value::RawValue;
use store::{DUE_SHARDS, Due, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use vault::{Headers, Vault};

use crate::chance::Chance;
use crate::faulty::{Faulty, event_id};
use crate::plan::{self, Action, EndpointPlan, Plan};
use crate::receiver;
use crate::sandbox::{Dying, Input, Kind, Sandbox};
use crate::stage::Stage;

/// Polls within which a process that is to die does.
const DYING_POLLS: u64 = 60;
/// Longer than any schedule and the five days until an endpoint is switched off.
const HORIZON_MS: u64 = 20 * 24 * 3600 * 1000;
const MINUTE_MS: u64 = 60_000;
/// The sweep looks this far ahead, so it is called this long before something is due.
const LOOK_AHEAD_MS: u64 = 90_000;

pub(crate) const NETWORK: &str = "demo";
pub(crate) const EVENT_TYPE: &str = "message.didCreate";

/// A delivery's events as reported, by number.
pub(crate) fn event_name(number: usize) -> String {
    format!("evt-{number}")
}

pub(crate) struct World {
    pub(crate) stage: Arc<Stage>,
    pub(crate) store: Store,
    pub(crate) network: NetworkId,
    /// As created; some may be gone by the end.
    pub(crate) endpoints: Vec<Endpoint>,
    cloud: Embedded,
    template: Template,
    aws: Aws,
    warm: BTreeMap<Kind, Vec<Sandbox>>,
    at_work: BTreeMap<Kind, usize>,
    begun: BTreeMap<Kind, usize>,
    running: JoinSet<Finished>,
    started: usize,
    acted: usize,
    swept_ms: u64,
}

/// What a process was handed.
enum Work {
    Batch { queue: String, batch: Vec<Received> },
    Sweep,
}

/// How it went.
struct Finished {
    kind: Kind,
    work: Work,
    /// `None` when its process died.
    survivor: Option<Sandbox>,
    answer: Option<SqsBatchResponse>,
}

impl World {
    pub(crate) async fn build(name: String, chance: Chance, plan: Plan) -> Self {
        let stage = Stage::new(name, chance, plan);
        let template = Template::built_in().unwrap();
        let cloud = Embedded::open(Location::Memory, stage.time.cloud_clock()).unwrap();
        let aws = Aws::over(Faulty::client(&cloud, &stage, None)).in_region(stage.name.clone());
        local::furnish(&cloud, &template, &aws).await.unwrap();
        let environment = &Kind::Dispatch.function(&template).environment;
        let mut world = Self {
            store: Store::new(aws.dynamodb(), &environment["TABLE_NAME"]),
            network: NetworkId::parse(NETWORK).unwrap(),
            endpoints: Vec::new(),
            warm: BTreeMap::new(),
            at_work: BTreeMap::new(),
            begun: BTreeMap::new(),
            running: JoinSet::new(),
            started: 0,
            acted: 0,
            swept_ms: 0,
            stage,
            cloud,
            template,
            aws,
        };
        for number in 0..world.stage.plan.endpoints.len() {
            world.create(number).await;
        }
        world
    }

    async fn create(&mut self, number: usize) {
        let stage = Arc::clone(&self.stage);
        let random = {
            let chance = stage.chance.clone();
            Random::from_fn(move |bytes| chance.fill(bytes))
        };
        let environment = &Kind::Dispatch.function(&self.template).environment;
        let prefix = environment["SECRET_PREFIX"].clone();
        let key = Key::generate(Scheme::default(), random.bytes());
        let now = Timestamp::from_millis(stage.time.now());
        let id = EndpointId::generate(now, random.bytes());
        let vault = Vault::new(self.aws.secretsmanager(), prefix, random);
        let secret = vault.add(&self.network, id, &key, &Headers::new()).await;
        stage.secrets.lock().unwrap().push(key.expose().to_owned());
        let plan = stage.plan.endpoints[number].clone();
        let endpoint = endpoint(&plan, number, id, &self.network, secret.unwrap(), now);
        self.store.create_endpoint(&endpoint, None).await.unwrap();
        stage.tell(&format!("endpoint {number}: {plan:?}"));
        self.endpoints.push(endpoint);
    }

    /// Lets everything happen until nothing will happen any more.
    pub(crate) async fn run(&mut self) {
        while self.step(HORIZON_MS).await {
            if self.stage.time.passed() >= HORIZON_MS {
                let trace = self.stage.trace();
                let last = &trace[trace.len().saturating_sub(100)..];
                panic!("it never comes to rest:\n{}", last.join("\n"));
            }
        }
    }

    /// Lets everything happen that happens within so many milliseconds of the beginning.
    pub(crate) async fn run_until(&mut self, ms: u64) {
        while self.stage.time.passed() < ms && self.step(ms).await {}
    }

    /// Goes on to the next moment at which something happens, but not beyond `latest`. `false` when
    /// nothing will.
    async fn step(&mut self, latest: u64) -> bool {
        self.stage.time.tell_cloud();
        self.act().await;
        self.hand_out().await;
        let wake = self.next_wake().await;
        if wake.is_none() && self.running.is_empty() {
            return false;
        }
        let latest = self.stage.time.at(latest);
        let wake = wake.unwrap_or(latest).min(latest);
        tokio::select! {
            biased;
            Some(finished) = self.running.join_next() => self.finish(finished.unwrap()).await,
            () = sleep_until(wake) => {}
        }
        true
    }

    async fn act(&mut self) {
        let stage = Arc::clone(&self.stage);
        let now = u128::from(stage.time.passed());
        while stage
            .plan
            .delay(self.acted)
            .is_some_and(|at| at.as_millis() <= now)
        {
            let (_, action) = stage.plan.actions[self.acted].clone();
            self.acted += 1;
            stage.tell(&format!("{action:?}"));
            match action {
                Action::Report(number) => self.report(number).await,
                Action::Garbage(queue) => {
                    let text = format!(r#"{{"networkId":"{NETWORK}","nonsense":true}}"#);
                    self.send(queue, text).await;
                }
                Action::SwitchOff(number) => {
                    let why = Disabled {
                        reason: disabled::BY_REQUEST.to_owned(),
                        at: Timestamp::from_millis(stage.time.now()),
                    };
                    let id = self.endpoints[number].id;
                    self.store
                        .disable_endpoint(&self.network, id, &why)
                        .await
                        .unwrap();
                }
                Action::SwitchOn(number) => {
                    let endpoint = self.endpoint(number).await;
                    if let Some(endpoint) = endpoint.filter(|found| !found.is_enabled()) {
                        self.switch_on(endpoint).await;
                    }
                }
                Action::Delete(number) => {
                    if let Some(endpoint) = self.endpoint(number).await {
                        assert!(self.store.delete_endpoint(&endpoint).await.unwrap());
                    }
                }
            }
        }
    }

    /// As the API does it: enabled first, then a job for what is parked.
    async fn switch_on(&self, endpoint: Endpoint) {
        let on = Endpoint {
            disabled: None,
            version: endpoint.version + 1,
            ..endpoint
        };
        assert!(self.store.update_endpoint(&on).await.unwrap());
        let now = Timestamp::from_millis(self.stage.time.now());
        let mut random = [0; 10];
        self.stage.chance.fill(&mut random);
        let wanted = Wanted {
            since: Timestamp::EPOCH,
            until: now.after(Duration::from_secs(60)),
            states: vec![State::Parked],
            event_types: Vec::new(),
            rate: 10,
        };
        let id = ReplayId::generate(now, random);
        let job = Job::new(id, self.network.clone(), on.id, wanted, now);
        self.store.create_replay(&job).await.unwrap();
        let message = ReplayMessage {
            network: self.network.clone(),
            endpoint: on.id,
            replay: id,
        };
        self.send(plan::Queue::Replays, message.write()).await;
    }

    /// As it is now; `None` when it was deleted.
    pub(crate) async fn endpoint(&self, number: usize) -> Option<Endpoint> {
        let id = self.endpoints[number].id;
        self.store.endpoint(&self.network, id).await.unwrap()
    }

    async fn report(&self, number: usize) {
        let data = RawValue::from_string(format!(r#"{{"number":{number}}}"#)).unwrap();
        let draft = Draft {
            id: None,
            event: EVENT_TYPE,
            data: &data,
            timestamp: None,
            version: None,
            push: None,
            origin: Origin::Producer,
        };
        let id = EventId::parse(&event_name(number)).unwrap();
        let text = write_event(&self.network, &id, &draft.check().unwrap(), true);
        self.send(plan::Queue::Events, text).await;
    }

    async fn send(&self, to: plan::Queue, body: String) {
        let (kind, variable) = match to {
            plan::Queue::Events => (Kind::Dispatch, "EVENTS_QUEUE_URL"),
            plan::Queue::Webhooks => (Kind::Fanout, "WEBHOOK_QUEUE_URL"),
            plan::Queue::Retries => (Kind::Dispatch, "RETRY_QUEUE_URL"),
            plan::Queue::Replays => (Kind::Replay, "REPLAY_QUEUE_URL"),
        };
        let url = kind.function(&self.template).environment[variable].clone();
        let outgoing = Outgoing {
            body,
            group: NETWORK.to_owned(),
            delay: Duration::ZERO,
        };
        for sent in Queue::new(self.aws.sqs(), url).send(&[outgoing]).await {
            sent.unwrap();
        }
    }

    /// Hands visible messages to processes, as long as there are some free.
    async fn hand_out(&mut self) {
        let mut sources = self.template.sources.clone();
        // Receiving from a queue is what moves its worn-out messages to its dead-letter queue.
        sources.sort_by_key(|source| self.kind(source) == Some(Kind::Quarantine));
        for source in sources {
            let Some(kind) = self.kind(&source) else {
                continue;
            };
            while self.has_room(kind) {
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
            if let Ok(message) = queue::message::DeliveryMessage::read(&received.body) {
                self.stage.copied(&message.delivery.to_string());
            } else if let Some(id) = event_id(&received.body) {
                self.stage.copied(&id);
            }
        }
    }

    /// Queues that still hold a message.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let names = self.template.queues.iter().map(|queue| &queue.name);
        let holds = |name: &&String| {
            let counts = self.cloud.sqs().counts(name);
            counts.visible + counts.in_flight + counts.delayed > 0
        };
        names.filter(holds).cloned().collect()
    }

    fn kind(&self, source: &QueueSource) -> Option<Kind> {
        let function = self.template.function(&source.function)?;
        Kind::ALL
            .into_iter()
            .find(|kind| kind.package() == function.package)
    }

    fn has_room(&self, kind: Kind) -> bool {
        self.at_work(kind) < self.stage.plan.processes
    }

    fn at_work(&self, kind: Kind) -> usize {
        self.at_work.get(&kind).copied().unwrap_or_default()
    }

    /// Gives work to a process of this function, and decides what happens to it.
    fn start(&mut self, kind: Kind, work: Work) {
        let stage = Arc::clone(&self.stage);
        *self.at_work.entry(kind).or_default() += 1;
        let sandbox = self.warm.entry(kind).or_default().pop();
        let sandbox = sandbox.unwrap_or_else(|| {
            self.started += 1;
            Sandbox::start(&stage, &self.cloud, &self.template, kind, self.started)
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
            // By then the messages may be handed out again, to be worked on at the same time.
            self.note_copies(batch);
        }
        let begun = self.begun.entry(kind).or_default();
        let dies = match stage.plan.death {
            Some(death) if (death.kind, death.invocation) == (kind, *begun) => Some(death.poll),
            _ if stage.goes_wrong(stage.plan.rates.crash) => {
                Some(u32::try_from(stage.chance.number(0..DYING_POLLS)).unwrap())
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

    async fn finish(&mut self, finished: Finished) {
        let stage = Arc::clone(&self.stage);
        let Finished {
            kind,
            work,
            survivor,
            answer,
        } = finished;
        *self.at_work.entry(kind).or_default() -= 1;
        let warm = self.warm.entry(kind).or_default();
        // Now and then Lambda ends a process that did nothing wrong.
        warm.extend(survivor.filter(|_| !stage.goes_wrong(0.2)));
        let (Work::Batch { queue, batch }, Some(answer)) = (work, answer) else {
            return;
        };
        if stage.goes_wrong(stage.plan.rates.undeleted) {
            stage.tell(&format!("{queue} keeps a finished batch"));
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
    async fn next_wake(&mut self) -> Option<Instant> {
        let time = self.stage.time.clone();
        let queues = self
            .template
            .sources
            .iter()
            .filter(|source| self.kind(source).is_some_and(|kind| self.has_room(kind)));
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
        if self.at_work(Kind::Sweep) > 0 {
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
    let invocation = stage.begin();
    sandbox
        .process
        .invocation
        .store(invocation, Ordering::SeqCst);
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
    stage.tell(&format!("{} ends", sandbox.process.name));
    Finished {
        kind,
        work,
        survivor: Some(sandbox),
        answer: answer.ok(),
    }
}

fn endpoint(
    plan: &EndpointPlan,
    number: usize,
    id: EndpointId,
    network: &NetworkId,
    secret: SecretRef,
    now: Timestamp,
) -> Endpoint {
    let mut event_types = vec![Pattern::parse("*").unwrap()];
    if plan.news {
        let news = [
            "endpoint.disabled",
            "endpoint.recovered",
            "attempt.exhausted",
        ];
        event_types.extend(news.map(|name| Pattern::parse(name).unwrap()));
    }
    let schedule = plan.schedule.as_deref();
    Endpoint {
        id,
        network: network.clone(),
        url: receiver::url(number),
        description: None,
        event_types,
        filter: None,
        format: Format::default(),
        headers: Vec::new(),
        timeout: Timeout::from_seconds(plan.timeout).unwrap(),
        schedule: schedule.map(|seconds| Schedule::from_seconds(seconds).unwrap()),
        limits: Limits {
            max_in_flight: plan.max_in_flight,
            rate_per_second: plan.rate_per_second,
        },
        disabled: None,
        signing: Scheme::default(),
        public_keys: Vec::new(),
        secret,
        certificate_ends: None,
        version: 1,
        created: now,
        updated: now,
    }
}

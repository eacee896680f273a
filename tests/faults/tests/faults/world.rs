//! Everything there is, and what people do to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_local::{Embedded, Location};
use domain::delivery::State;
use domain::endpoint::{
    Disabled, Endpoint, Format, KeepResponses, Limits, SecretRef, Timeout, disabled,
};
use domain::event::{Draft, Origin};
use domain::event_type::Pattern;
use domain::health::Health;
use domain::id::{EndpointId, EventId, NetworkId, ReplayId};
use domain::network::Retention;
use domain::replay::{Job, Wanted};
use domain::retry::Schedule;
use domain::signing::{Key, Scheme};
use domain::time::Timestamp;
use local::template::Template;
use queue::message::write_event;
use queue::replay::ReplayMessage;
use queue::{Outgoing, Queue};
use runtime::{Aws, Random};
use serde_json::value::RawValue;
use store::{KnownHealth, Store};
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use vault::{Headers, Vault};

use crate::chance::Chance;
use crate::faulty::Faulty;
use crate::lambda::Finished;
use crate::plan::{self, Action, EndpointPlan, Plan};
use crate::push::world::Phones;
use crate::receiver;
use crate::sandbox::{Kind, Sandbox};
use crate::stage::Stage;

/// Longer than any schedule and the five days until an endpoint is switched off.
pub(crate) const HORIZON_MS: u64 = 20 * 24 * 3600 * 1000;

pub(crate) const NETWORK: &str = "demo";
pub(crate) const EVENT_TYPE: &str = "message.didCreate";
/// Of events with a push.
const PUSHED_TYPE: &str = "message.created";

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
    /// `None` in a world without pushes.
    pub(crate) phones: Option<Phones>,
    pub(crate) cloud: Embedded,
    pub(crate) template: Template,
    pub(crate) aws: Aws,
    pub(crate) warm: BTreeMap<Kind, Vec<Sandbox>>,
    /// By event source.
    pub(crate) at_work: BTreeMap<String, usize>,
    pub(crate) begun: BTreeMap<Kind, usize>,
    pub(crate) running: JoinSet<Finished>,
    pub(crate) started: usize,
    /// How many of the plan's actions are done.
    pub(crate) acted: usize,
    pub(crate) swept_ms: u64,
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
            phones: stage.plan.push.is_some().then(|| Phones::new(&stage)),
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
        world.hand_over_phones().await;
        world
    }

    pub(crate) fn random(&self) -> Random {
        let chance = self.stage.chance.clone();
        Random::from_fn(move |bytes| chance.fill(bytes))
    }

    pub(crate) fn vault(&self) -> Vault {
        let environment = &Kind::Dispatch.function(&self.template).environment;
        let prefix = environment["SECRET_PREFIX"].clone();
        Vault::new(self.aws.secretsmanager(), prefix, self.random())
    }

    /// The text of one of the network's key rings; empty when there is none.
    pub(crate) async fn ring(&self, number: u32) -> String {
        let environment = &Kind::Dispatch.function(&self.template).environment;
        let name = format!(
            "{}webhooks/{NETWORK}/{number}",
            environment["SECRET_PREFIX"]
        );
        let secrets = self.aws.secretsmanager();
        let read = secrets.get_secret_value().secret_id(name).send().await;
        read.map(|read| read.secret_string.unwrap())
            .unwrap_or_default()
    }

    async fn create(&mut self, number: usize) {
        let stage = Arc::clone(&self.stage);
        let random = self.random();
        let key = Key::generate(Scheme::default(), random.bytes());
        let now = Timestamp::from_millis(stage.time.now());
        let id = EndpointId::generate(now, random.bytes());
        let vault = self.vault();
        let secret = vault.add(&self.network, id, &key, &Headers::new()).await;
        stage.secrets.lock().unwrap().push(key.expose().to_owned());
        let plan = stage.plan.endpoints[number].clone();
        let endpoint = endpoint(&plan, number, id, &self.network, secret.unwrap(), now);
        self.store.create_endpoint(&endpoint, None).await.unwrap();
        stage.tell(&format!("endpoint {number}: {plan:?}"));
        if plan.slow {
            let until = now.after(Duration::from_millis(stage.plan.calm));
            let slow = Health {
                slow_until: Some(until),
                ..Health::default()
            };
            let noted = self
                .store
                .change_health(&self.network, id, KnownHealth::default(), slow);
            assert!(noted.await.unwrap().is_some());
        }
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
        let forbidden = self.stage.forbidden();
        assert!(forbidden.is_empty(), "{forbidden:?}");
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
                        let now = Timestamp::from_millis(stage.time.now());
                        let retention = Retention::default();
                        let deleted = self.store.delete_endpoint(&endpoint, retention, now);
                        assert!(deleted.await.unwrap());
                    }
                }
                Action::Push(action) => self.meddle(action).await,
            }
        }
    }

    async fn switch_on(&self, endpoint: Endpoint) {
        let message = message_of(&self.resume(endpoint, 10).await);
        self.send(plan::Queue::Replays, message.write()).await;
    }

    /// As the API does it: enabled first, then a job for what is parked, of so many a second.
    pub(crate) async fn resume(&self, endpoint: Endpoint, rate: u32) -> Job {
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
            rate,
        };
        let id = ReplayId::generate(now, random);
        let job = Job::new(id, self.network.clone(), on.id, wanted, now);
        self.store.create_replay(&job, None).await.unwrap();
        job
    }

    /// As it is now; `None` when it was deleted.
    pub(crate) async fn endpoint(&self, number: usize) -> Option<Endpoint> {
        let id = self.endpoints[number].id;
        self.store.endpoint(&self.network, id).await.unwrap()
    }

    async fn report(&self, number: usize) {
        let data = RawValue::from_string(format!(r#"{{"number":{number}}}"#)).unwrap();
        let push = self.push_of(number);
        let draft = Draft {
            id: None,
            event: push.as_ref().map_or(EVENT_TYPE, |_| PUSHED_TYPE),
            data: &data,
            timestamp: None,
            version: None,
            push: push.as_deref(),
            origin: Origin::Producer,
        };
        let id = EventId::parse(&event_name(number)).unwrap();
        let text = write_event(&self.network, &id, &draft.check().unwrap(), true);
        self.send(plan::Queue::Events, text).await;
    }

    pub(crate) async fn send(&self, to: plan::Queue, body: String) {
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

    /// Queues that still hold a message.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let names = self.template.queues.iter().map(|queue| &queue.name);
        let holds = |name: &&String| {
            let counts = self.cloud.sqs().counts(name);
            counts.visible + counts.in_flight + counts.delayed > 0
        };
        names.filter(holds).cloned().collect()
    }
}

/// The message that has a page of a job worked on.
pub(crate) fn message_of(job: &Job) -> ReplayMessage {
    ReplayMessage {
        network: job.network.clone(),
        endpoint: job.endpoint,
        replay: job.id,
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
        rate_since: 1,
        keep_responses: KeepResponses::default(),
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

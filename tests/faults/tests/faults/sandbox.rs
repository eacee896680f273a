//! Processes of functions, which can die at any await point.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_local::Embedded;
use domain::address::AddressPolicy;
use domain::time::Timestamp;
use futures::future::BoxFuture;
use local::template::{Function, Template};
use outbound::Client;
use runtime::{Aws, Clock, Platform, Random};
use serde_json::Value;
use telemetry::Telemetry;

use crate::faulty::Faulty;
use crate::receiver::{dialer, resolver};
use crate::stage::Stage;
use crate::world::World;

/// The functions that move events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Fanout,
    Dispatch,
    Sweep,
    Quarantine,
    Replay,
    PushFanout,
    PushDispatch,
}

impl Kind {
    pub(crate) const OF_WEBHOOKS: [Self; 5] = [
        Self::Fanout,
        Self::Dispatch,
        Self::Sweep,
        Self::Quarantine,
        Self::Replay,
    ];

    pub(crate) const OF_PUSHES: [Self; 4] = [
        Self::Fanout,
        Self::Quarantine,
        Self::PushFanout,
        Self::PushDispatch,
    ];

    /// Polls within which a process of it that is to die does.
    pub(crate) fn dying_polls(self) -> u64 {
        match self {
            // It opens a connection to each provider first.
            Self::PushDispatch => 150,
            Self::Fanout
            | Self::Dispatch
            | Self::Sweep
            | Self::Quarantine
            | Self::Replay
            | Self::PushFanout => 60,
        }
    }

    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Fanout => "event-fanout",
            Self::Dispatch => "webhook-dispatch",
            Self::Sweep => "retry-sweep",
            Self::Quarantine => "quarantine",
            Self::Replay => "replay-jobs",
            Self::PushFanout => "push-fanout",
            Self::PushDispatch => "push-dispatch",
        }
    }

    pub(crate) fn function(self, template: &Template) -> &Function {
        let mut functions = template.functions.iter();
        functions
            .find(|function| function.package == self.package())
            .unwrap()
    }
}

/// What the world knows of a process.
pub(crate) struct Process {
    pub(crate) name: String,
    /// The invocation it works on.
    pub(crate) invocation: AtomicUsize,
    /// How wrong its clock is, in milliseconds.
    pub(crate) skew: AtomicI64,
    /// Until when bytes on a connection of it are late, in milliseconds since the beginning: whatever is
    /// sent behind them is late too.
    pub(crate) stalled_until: AtomicU64,
}

impl Process {
    pub(crate) fn new(name: String, skew: i64) -> Arc<Self> {
        Arc::new(Self {
            name,
            invocation: AtomicUsize::new(usize::MAX),
            skew: AtomicI64::new(skew),
            stalled_until: AtomicU64::new(0),
        })
    }
}

/// What a function is called with, and what it answers.
pub(crate) enum Input {
    Batch(SqsEvent),
    Tick,
}

pub(crate) type Call =
    Arc<dyn Fn(Input) -> BoxFuture<'static, Result<SqsBatchResponse, String>> + Send + Sync>;

/// One warm process of a function.
pub(crate) struct Sandbox {
    pub(crate) kind: Kind,
    pub(crate) process: Arc<Process>,
    pub(crate) call: Call,
}

/// A handler of batches, of the crate named.
macro_rules! batches {
    ($package:ident, $deps:expr) => {{
        let deps = Arc::new($deps);
        Arc::new(move |input| {
            let deps = Arc::clone(&deps);
            Box::pin(async move {
                let Input::Batch(event) = input else {
                    return Err("called without a batch".to_owned());
                };
                $package::handle(&deps, event)
                    .await
                    .map_err(|error| error.to_string())
            })
        })
    }};
}

impl Sandbox {
    /// A cold start: empty caches, no connections, a clock that may be a little off.
    pub(crate) fn start(world: &World, kind: Kind, number: usize) -> Self {
        let stage = &world.stage;
        let skew = if stage.plan.calm > 0 {
            stage.chance.number(0..10_000)
        } else {
            5_000
        };
        let skew = i64::try_from(skew).unwrap() - 5_000;
        let process = Process::new(format!("{}#{number}", kind.package()), skew);
        let platform = platform(
            stage,
            &world.cloud,
            kind.function(&world.template),
            &process,
        );
        let call: Call = match kind {
            Kind::Fanout => batches!(event_fanout, event_fanout::Deps::new(&platform).unwrap()),
            Kind::Quarantine => batches!(quarantine, quarantine::Deps::new(&platform).unwrap()),
            Kind::Replay => batches!(replay_jobs, replay_jobs::Deps::new(&platform).unwrap()),
            Kind::PushFanout => batches!(push_fanout, push_fanout::Deps::new(&platform).unwrap()),
            Kind::PushDispatch => {
                let phones = world.phones.as_ref().unwrap();
                let deps = push_dispatch::Deps::new(&platform).unwrap();
                let hosts = phones.providers.hosts(&process);
                batches!(push_dispatch, deps.speaking_to(hosts))
            }
            Kind::Dispatch => {
                let client = Client::builder(AddressPolicy::LoopbackAllowed)
                    .resolver(resolver(stage))
                    .dialer(dialer(stage, &process))
                    .build();
                let deps = webhook_dispatch::Deps::new(&platform).unwrap();
                batches!(webhook_dispatch, deps.sending_through(client))
            }
            Kind::Sweep => {
                let deps = Arc::new(retry_sweep::Deps::new(&platform).unwrap());
                Arc::new(move |_| {
                    let deps = Arc::clone(&deps);
                    Box::pin(async move {
                        let swept = retry_sweep::handle(&deps, Value::Null).await;
                        swept.map_err(|error| error.to_string())?;
                        Ok(SqsBatchResponse::default())
                    })
                })
            }
        };
        Self {
            kind,
            process,
            call,
        }
    }
}

/// What a process of a function finds around it.
fn platform(
    stage: &Arc<Stage>,
    cloud: &Embedded,
    function: &Function,
    process: &Arc<Process>,
) -> Platform {
    let mut env = function.environment.clone();
    env.insert("LOCAL_RECEIVERS".to_owned(), "true".to_owned());
    let (time, skewed) = (stage.time.clone(), Arc::clone(process));
    let random = stage.chance.clone();
    let (told, teller) = (Arc::clone(stage), process.name.clone());
    Platform {
        env: env.into_iter().collect(),
        // A region of its own: the SDK keeps one budget of retries per region and process.
        aws: Aws::over(Faulty::client(cloud, stage, Some(process))).in_region(format!(
            "{}-{}",
            stage.name,
            process.name.replace('#', "-")
        )),
        clock: Clock::from_fn(move || {
            let skew = skewed.skew.load(Ordering::SeqCst);
            Timestamp::from_millis(time.now().saturating_add_signed(skew))
        }),
        random: Random::from_fn(move |bytes| random.fill(bytes)),
        telemetry: Telemetry::to(move |_, line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let (event, reason, error) = (text("event"), text("reason"), text("error"));
            told.tell(&format!("{teller}: {event} {reason} {error}"));
        }),
    }
}

/// The same for a process of an API, whose clock is right.
pub(crate) fn platform_of_api(world: &World, package: &str, number: u32) -> Platform {
    let mut functions = world.template.functions.iter();
    let function = functions.find(|one| one.package == package).unwrap();
    let process = Process::new(format!("{package}#{number}"), 0);
    platform(&world.stage, &world.cloud, function, &process)
}

/// A handler whose process dies after so many polls, wherever it then waits.
pub(crate) struct Dying<F> {
    work: Pin<Box<F>>,
    polls_left: u32,
}

impl<F: Future> Dying<F> {
    pub(crate) fn after(polls: u32, work: F) -> Self {
        Self {
            work: Box::pin(work),
            polls_left: polls,
        }
    }
}

impl<F: Future> Future for Dying<F> {
    /// `None` when it died.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.polls_left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.polls_left = left;
        self.work.as_mut().poll(context).map(Some)
    }
}

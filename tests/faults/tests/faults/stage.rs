//! What all parts of a simulation share: time, chance, the plan, and the account of what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use crate::chance::Chance;
use crate::plan::Plan;
use crate::time::Time;

/// How often SQS takes or hands out messages twice in one storm.
const MOST_DOUBLES: i64 = 20;

/// Whether traces are printed as they happen: the way to see one that never ends.
pub(crate) static SHOWN: AtomicBool = AtomicBool::new(false);

pub(crate) struct Stage {
    /// Tells the processes of one simulation from those of others.
    pub(crate) name: String,
    pub(crate) time: Time,
    pub(crate) chance: Chance,
    pub(crate) plan: Plan,
    /// The secret each endpoint verifies with.
    pub(crate) secrets: Mutex<Vec<String>>,
    invocations: Mutex<Vec<Invocation>>,
    /// Which invocations worked on a message about something.
    workers: Mutex<BTreeMap<String, Vec<usize>>>,
    posts: Mutex<Vec<Post>>,
    copied: Mutex<BTreeSet<String>>,
    clock_jumps: Mutex<Vec<u64>>,
    doubles_left: AtomicI64,
    forbidden: Mutex<BTreeSet<String>>,
    trace: Mutex<Vec<String>>,
}

/// One run of a function.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invocation {
    /// Its process died, or it ran into its timeout.
    pub(crate) died: bool,
    /// The table refused something, or its answer was lost.
    pub(crate) table_trouble: bool,
    /// A provider's answer to it may have been lost.
    pub(crate) wire_trouble: bool,
    /// Its clock was off by more than clocks are.
    pub(crate) wrong_clock: bool,
    over: bool,
}

impl Invocation {
    /// What it did may have been left unrecorded, through no doing of ours.
    pub(crate) fn had_trouble(&self) -> bool {
        self.died || self.table_trouble || self.wire_trouble
    }
}

/// One request as a receiver saw it, whole.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) endpoint: usize,
    pub(crate) event: String,
    /// Its `webhook-timestamp`.
    pub(crate) stamp: u64,
    /// When it had arrived, in milliseconds since the beginning.
    pub(crate) at: u64,
    /// Which invocation sent it.
    pub(crate) invocation: usize,
    /// The status, once written.
    pub(crate) answered: Option<u16>,
    /// Whether its signature is right.
    pub(crate) verified: bool,
}

impl Stage {
    pub(crate) fn new(name: String, chance: Chance, plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            name,
            time: Time::begin(),
            chance,
            plan,
            secrets: Mutex::default(),
            invocations: Mutex::default(),
            workers: Mutex::default(),
            posts: Mutex::default(),
            copied: Mutex::default(),
            clock_jumps: Mutex::default(),
            doubles_left: AtomicI64::new(MOST_DOUBLES),
            forbidden: Mutex::default(),
            trace: Mutex::default(),
        })
    }

    pub(crate) fn storms(&self) -> bool {
        self.time.passed() < self.plan.calm
    }

    /// Whether something of this probability goes wrong now.
    pub(crate) fn goes_wrong(&self, probability: f64) -> bool {
        probability > 0.0 && self.storms() && self.chance.happens(probability)
    }

    pub(crate) fn tell(&self, line: &str) {
        let ms = self.time.passed();
        let (seconds, millis) = (ms / 1000, ms % 1000);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let line = format!(
            "{hours:>4}:{minutes:02}:{:02}.{millis:03} {line}",
            seconds % 60
        );
        if SHOWN.load(Ordering::Relaxed) {
            println!("{line}");
        }
        self.trace.lock().unwrap().push(line);
    }

    /// Notes a call that the template does not allow.
    pub(crate) fn forbid(&self, what: String) {
        self.forbidden.lock().unwrap().insert(what);
    }

    pub(crate) fn forbidden(&self) -> BTreeSet<String> {
        self.forbidden.lock().unwrap().clone()
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }

    /// Notes a run of a function on messages about these `subjects`; gives its number. `skew` is how
    /// wrong its clock is, in milliseconds.
    pub(crate) fn begin(&self, subjects: Vec<String>, skew: i64) -> usize {
        let mut all = self.invocations.lock().unwrap();
        all.push(Invocation {
            wrong_clock: skew.abs() > 5_000,
            ..Invocation::default()
        });
        let number = all.len() - 1;
        let mut workers = self.workers.lock().unwrap();
        for subject in subjects {
            workers.entry(subject).or_default().push(number);
        }
        number
    }

    pub(crate) fn ended(&self, invocation: usize) {
        self.invocations.lock().unwrap()[invocation].over = true;
    }

    /// All that worked on a message about this.
    pub(crate) fn workers(&self, subject: &str) -> Vec<Invocation> {
        let workers = self.workers.lock().unwrap();
        let numbers = workers.get(subject).into_iter().flatten();
        numbers.map(|number| self.invocation(*number)).collect()
    }

    /// An answer to this invocation may get lost.
    pub(crate) fn wire_trouble(&self, invocation: usize) {
        if let Some(one) = self.invocations.lock().unwrap().get_mut(invocation) {
            one.wire_trouble = true;
        }
    }

    /// An answer to any invocation under way may get lost.
    pub(crate) fn wire_trouble_for_all(&self) {
        let mut all = self.invocations.lock().unwrap();
        for one in all.iter_mut().filter(|one| !one.over) {
            one.wire_trouble = true;
        }
    }

    pub(crate) fn died(&self, invocation: usize) {
        let mut all = self.invocations.lock().unwrap();
        all[invocation].died = true;
        all[invocation].over = true;
    }

    pub(crate) fn table_trouble(&self, invocation: usize) {
        if let Some(one) = self.invocations.lock().unwrap().get_mut(invocation) {
            one.table_trouble = true;
        }
    }

    pub(crate) fn invocation(&self, number: usize) -> Invocation {
        self.invocations.lock().unwrap()[number].clone()
    }

    /// Notes a request; its number is for [`answered`](Self::answered).
    pub(crate) fn arrived(&self, post: Post) -> usize {
        let mut posts = self.posts.lock().unwrap();
        posts.push(post);
        posts.len() - 1
    }

    pub(crate) fn answered(&self, post: usize, status: u16) {
        self.posts.lock().unwrap()[post].answered = Some(status);
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Whether SQS doubles messages once more. It does so rarely: more would drown the rest.
    pub(crate) fn doubles(&self, probability: f64) -> bool {
        let doubles = self.goes_wrong(probability);
        doubles && self.doubles_left.fetch_sub(1, Ordering::SeqCst) > 0
    }

    /// Notes that first tries of this event, or of this delivery, may be under way twice through
    /// no doing of ours: SQS handed a message out twice, or took it twice.
    pub(crate) fn copied(&self, id: &str) {
        self.copied.lock().unwrap().insert(id.to_owned());
    }

    pub(crate) fn was_copied(&self, id: &str) -> bool {
        self.copied.lock().unwrap().contains(id)
    }

    pub(crate) fn clock_jumped(&self) {
        let now = self.time.passed();
        self.clock_jumps.lock().unwrap().push(now);
    }

    /// Whether a clock jumped within two minutes of this moment: longer than claims last.
    pub(crate) fn clock_jumped_near(&self, ms: u64) -> bool {
        let jumps = self.clock_jumps.lock().unwrap();
        jumps.iter().any(|jump| jump.abs_diff(ms) < 120_000)
    }
}

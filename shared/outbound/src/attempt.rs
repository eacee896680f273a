//! One request's progress, shared between the caller's future and the connector.
//!
//! hyper's client hands the connector nothing but a URI, yet the connector must know the request's
//! deadline, and a failed request must tell how far connecting came. A task-local carries both:
//! hyper calls the connector inside the request's own future, also when it later lets the
//! connecting finish in the background.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::{Connection, Timing, TlsFacts};
use crate::failure::Stage;

/// Longer deadlines are cut to this, so that adding one to the clock cannot overflow.
const LONGEST_DEADLINE: Duration = Duration::from_hours(24);

tokio::task_local! {
    pub(crate) static CURRENT: Arc<Attempt>;
}

pub(crate) struct Attempt {
    started: Instant,
    pub(crate) deadline: Instant,
    progress: Mutex<Progress>,
}

#[derive(Clone, Copy)]
struct Progress {
    stage: Stage,
    address: Option<IpAddr>,
    dns: Option<Duration>,
    connect: Option<Duration>,
    answered: Option<Duration>,
}

/// What is known of an open connection for as long as it lives.
pub(crate) struct Facts {
    address: IpAddr,
    opened: Instant,
    dns: Duration,
    connect: Duration,
    tls: Option<(Duration, TlsFacts)>,
    used: AtomicBool,
}

impl Attempt {
    pub(crate) fn start(deadline: Duration) -> Self {
        let started = Instant::now();
        let progress = Progress {
            stage: Stage::Dns,
            address: None,
            dns: None,
            connect: None,
            answered: None,
        };
        Self {
            started,
            deadline: started + deadline.min(LONGEST_DEADLINE),
            progress: Mutex::new(progress),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.progress().stage
    }

    pub(crate) fn resolved(&self, took: Duration) {
        let mut progress = self.progress();
        progress.dns = Some(took);
        progress.stage = Stage::Connect;
    }

    pub(crate) fn connected(&self, address: IpAddr, took: Duration) {
        let mut progress = self.progress();
        progress.address = Some(address);
        progress.connect = Some(took);
        progress.stage = Stage::Tls;
    }

    /// The answer's headers have arrived.
    pub(crate) fn answered(&self) {
        self.progress().answered = Some(self.started.elapsed());
    }

    /// The account of this attempt's connection. `facts` is what the connection used says of
    /// itself; without one, what connecting got done is told. To be asked once per attempt.
    pub(crate) fn connection(&self, facts: Option<&Facts>) -> Connection {
        let progress = *self.progress();
        let first_byte = progress.answered;
        let total = self.started.elapsed();
        let Some(facts) = facts else {
            let Progress {
                address,
                dns,
                connect,
                ..
            } = progress;
            let timing = Timing {
                dns,
                connect,
                tls: None,
                first_byte,
                total,
            };
            return Connection {
                address,
                reused: false,
                timing,
                tls: None,
            };
        };
        // Not used before but opened before: a connection that lost the race for its own request
        // and waited in the pool since. Its opening is no part of this attempt's time.
        let reused = facts.used.swap(true, Ordering::Relaxed) || facts.opened <= self.started;
        let timing = if reused {
            Timing {
                first_byte,
                total,
                ..Timing::default()
            }
        } else {
            let tls = facts.tls.map(|(took, _)| took);
            Timing {
                dns: Some(facts.dns),
                connect: Some(facts.connect),
                tls,
                first_byte,
                total,
            }
        };
        let tls = facts.tls.map(|(_, facts)| facts);
        Connection {
            address: Some(facts.address),
            reused,
            timing,
            tls,
        }
    }

    /// How old the connection was when this attempt began; zero for one opened since.
    pub(crate) fn age(&self, facts: &Facts) -> Duration {
        self.started.saturating_duration_since(facts.opened)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every write leaves a whole `Progress`, so a panic elsewhere cannot have broken it.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    pub(crate) fn new(
        address: IpAddr,
        dns: Duration,
        connect: Duration,
        tls: Option<(Duration, TlsFacts)>,
    ) -> Self {
        Self {
            address,
            opened: Instant::now(),
            dns,
            connect,
            tls,
            used: AtomicBool::new(false),
        }
    }
}

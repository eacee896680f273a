use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use aws_local::ClockFn;
use tokio::time::Instant;

/// 2026-11-25T00:00:00Z, as good as any.
const BEGIN_MS: u64 = 1_795_564_800_000;

/// Time that passes only when everybody waits: tokio's paused clock, which jumps to the next timer.
#[derive(Clone)]
pub(crate) struct Time {
    began: Instant,
    /// What the cloud's own services take for now. They may read it on threads of theirs.
    cloud: Arc<AtomicU64>,
}

impl Time {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            cloud: Arc::new(AtomicU64::new(BEGIN_MS)),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> u64 {
        BEGIN_MS + u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// Milliseconds since the simulation began.
    pub(crate) fn passed(&self) -> u64 {
        self.now() - BEGIN_MS
    }

    /// The moment `ms` after the beginning.
    pub(crate) fn at(&self, ms: u64) -> Instant {
        self.began + std::time::Duration::from_millis(ms)
    }

    /// The moment at which `now` is `epoch_ms`.
    pub(crate) fn at_epoch(&self, epoch_ms: u64) -> Instant {
        self.at(epoch_ms.saturating_sub(BEGIN_MS))
    }

    pub(crate) fn cloud_clock(&self) -> ClockFn {
        let cloud = Arc::clone(&self.cloud);
        Arc::new(move || cloud.load(Ordering::SeqCst))
    }

    /// Tells the cloud's services what time it is.
    pub(crate) fn tell_cloud(&self) {
        self.cloud.store(self.now(), Ordering::SeqCst);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for another thread, without letting the simulation's time pass: to tokio, a task that
/// waits for a thread looks like one that waits for time.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    // Without tokio's budget per task: a spent one would have us wait for ourselves.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

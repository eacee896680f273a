//! The way between a process and a provider: bytes that take a little while, much too long, or never
//! arrive.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use outbound::{Dialer, Socket};
use simulator::Simulator;
use tokio::io::{
    AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split,
};

use crate::sandbox::Process;
use crate::stage::Stage;

/// As much as a socket holds before a writer waits.
const BUFFER: usize = 64 * 1024;

/// The network of one process, at whose other end are the simulated providers.
pub(crate) fn dialer(
    stage: &Arc<Stage>,
    process: &Arc<Process>,
    simulator: &Arc<Simulator>,
) -> Dialer {
    let (stage, process) = (Arc::clone(stage), Arc::clone(process));
    let simulator = Arc::clone(simulator);
    Dialer::from_fn(move |address: SocketAddr| {
        let (stage, process) = (Arc::clone(&stage), Arc::clone(&process));
        let simulator = Arc::clone(&simulator);
        Box::pin(async move {
            tokio::time::sleep(stage.chance.millis(1..5)).await;
            let troubles = stage.plan.push.as_ref().unwrap().troubles;
            if stage.goes_wrong(troubles.unreachable) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let theirs = simulator.connect(address.port()).unwrap();
            let (ours, middle) = duplex(BUFFER);
            let wire = Wire { stage, process };
            tokio::spawn(async move { wire.carry_both(middle, theirs).await });
            Ok(Socket::Memory(ours))
        })
    })
}

struct Wire {
    stage: Arc<Stage>,
    process: Arc<Process>,
}

/// The connection broke.
struct Cut;

impl Wire {
    async fn carry_both(&self, process: DuplexStream, provider: DuplexStream) {
        let (from_process, to_process) = split(process);
        let (from_provider, to_provider) = split(provider);
        let out = self.carry(from_process, to_provider);
        let back = self.carry(from_provider, to_process);
        // A cut drops both directions at once.
        drop(tokio::try_join!(out, back));
    }

    async fn carry(
        &self,
        mut from: ReadHalf<DuplexStream>,
        mut to: WriteHalf<DuplexStream>,
    ) -> Result<(), Cut> {
        let stage = &self.stage;
        let troubles = stage.plan.push.as_ref().unwrap().troubles;
        let mut bytes = Vec::with_capacity(BUFFER);
        loop {
            bytes.clear();
            if from.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                // The other side may be gone already.
                drop(to.shutdown().await);
                return Ok(());
            }
            let cut = stage.goes_wrong(troubles.cut);
            let stalled = !cut && stage.goes_wrong(troubles.stalled);
            if cut || stalled {
                let what = if cut { "is cut" } else { "stalls" };
                stage.tell(&format!("  a connection of {} {what}", self.process.name));
                stage.wire_trouble(self.process.invocation.load(Ordering::SeqCst));
            }
            let late = if stalled {
                stage.chance.millis(2_000..30_000)
            } else {
                stage.chance.millis(1..8)
            };
            if stalled {
                let until = stage.time.passed() + u64::try_from(late.as_millis()).unwrap();
                let stalled_until = &self.process.stalled_until;
                stalled_until.fetch_max(until, Ordering::SeqCst);
            }
            tokio::time::sleep(late).await;
            let arrives = !cut || stage.chance.happens(0.5);
            if arrives && to.write_all(&bytes).await.is_err() {
                return Ok(());
            }
            if cut {
                return Err(Cut);
            }
        }
    }
}

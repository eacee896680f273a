//! What is measured about a process, and what is made of several measurements.

use std::fs;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::block_in_place;

use crate::error::Failed;

/// Linux counts CPU time for programs in hundredths of a second, whatever its kernel's own tick.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time this process has used, in seconds: user and system, all threads, no children.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses, which may hold spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // proc(5): utime and stime are fields 14 and 15; the first after the name is field 3.
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / TICKS_PER_SECOND
}

/// A runtime of one thread, as each function has. Connections opened in it stay until it is dropped.
#[derive(Debug)]
pub(crate) struct OneThread(Option<Runtime>);

impl OneThread {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs `work` to its end, while the caller's own runtime goes on elsewhere.
    pub(crate) fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let runtime = self.0.as_ref();
        let runtime = runtime.ok_or_else(|| Failed::new("the thread was stopped"))?;
        block_in_place(|| runtime.block_on(work))
    }
}

impl Drop for OneThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The most memory a process has had resident, in MiB; `self` is this one.
pub(crate) fn peak_memory_mib(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// The middle one; zero of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Nearest rank, in milliseconds; zero of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(0.0, |micros| *micros as f64 / 1e3)
}

/// How many a second.
pub(crate) fn rate(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ranks() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([]), 0.0);
        let sorted: Vec<u64> = (1..=100).map(|n| n * 1000).collect();
        assert_eq!(percentile(&sorted, 50), 50.0);
        assert_eq!(percentile(&sorted, 99), 99.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }

    #[test]
    fn work_takes_time_and_room() {
        let before = cpu_seconds();
        let mut sum = 0_u64;
        while cpu_seconds() - before < 0.02 {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
        assert!(peak_memory_mib("self") > 1.0);
    }
}

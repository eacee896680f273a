//! The providers that pushes are measured against.

use std::process::Stdio;

use local::Simulator;
use runtime::Clock;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::error::Failed;

/// Simulated providers in a process of their own, so that their work is not counted.
pub(crate) struct Phones {
    _process: Child,
    stand_ins: String,
}

impl Phones {
    pub(crate) async fn start() -> Result<Self, Failed> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("phones")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take();
        let output = output.ok_or_else(|| Failed::new("the phones print nothing"))?;
        let stand_ins = BufReader::new(output).lines().next_line().await?;
        Ok(Self {
            _process: process,
            stand_ins: stand_ins.ok_or_else(|| Failed::new("the phones did not start"))?,
        })
    }

    /// Where they are, as the function takes it from its variable.
    pub(crate) fn stand_ins(&self) -> &str {
        &self.stand_ins
    }

    pub(crate) fn value(&self, name: &str) -> Result<&str, Failed> {
        let mut pairs = self
            .stand_ins
            .split(' ')
            .filter_map(|pair| pair.split_once('='));
        let found = pairs.find_map(|(key, value)| (key == name).then_some(value));
        found.ok_or_else(|| Failed::new(format!("the phones have no {name}")))
    }
}

/// What that process does.
pub(crate) async fn serve() -> Result<(), Failed> {
    let simulator = Simulator::start(Clock::system()).await?;
    crate::print(simulator.stand_ins());
    std::future::pending().await
}

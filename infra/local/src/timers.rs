//! Schedules at work.

use std::time::Duration;

use runtime::Platform;

use crate::event::CallFailed;
use crate::handlers::{Bound, Functions, ScheduleCall};
use crate::invoke::Failure;
use crate::shutdown::Shutdown;
use crate::template::{Schedule, Template};
use crate::{StartError, invoke, schedules};

/// A schedule and what it calls.
#[derive(Debug, Clone)]
pub(crate) struct Timer {
    pub(crate) schedule: Schedule,
    pub(crate) bound: Bound<ScheduleCall>,
    platform: Platform,
}

impl Timer {
    pub(crate) async fn run(self, shutdown: Shutdown) {
        // A rate starts with its creation, a cron waits for its minute.
        let mut wait = match self.schedule.expression {
            schedules::Expression::Rate(_) => Some(Duration::ZERO),
            schedules::Expression::Cron(_) => self.wait(),
        };
        while let Some(pause) = wait {
            if shutdown.or(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            if let Err(failure) = self.fire().await {
                let event = CallFailed::new(&self.bound.function, &failure);
                self.platform
                    .telemetry
                    .emit(&event, self.platform.clock.now().millis());
            }
            wait = self.wait();
        }
    }

    fn wait(&self) -> Option<Duration> {
        self.schedule.expression.wait(self.platform.clock.now())
    }

    pub(crate) async fn fire(&self) -> Result<(), Failure> {
        let event = self.schedule.input.clone().unwrap_or_else(|| {
            let id = u128::from_be_bytes(self.platform.random.bytes());
            let now = self.platform.clock.now();
            schedules::standard_event(&self.schedule.name, &format!("{id:032x}"), now)
        });
        invoke::run(self.bound.timeout, (self.bound.call)(event)).await
    }
}

/// All timers of the template.
pub(crate) fn of(
    template: &Template,
    functions: &Functions,
    platform: &Platform,
) -> Result<Vec<Timer>, StartError> {
    let mut timers = Vec::new();
    for function in &template.functions {
        for schedule in &function.schedules {
            let bound = functions.schedule(&function.name)?;
            timers.push(Timer {
                schedule: schedule.clone(),
                bound,
                platform: platform.clone(),
            });
        }
    }
    Ok(timers)
}

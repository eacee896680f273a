//! The providers of one world, and what they answer in a storm.

use std::sync::Arc;

use domain::time::Timestamp;
use providers::Hosts;
use runtime::Clock;
use simulator::{Fault, Received, Simulator, Target};

use crate::push::wire::dialer;
use crate::sandbox::Process;
use crate::stage::Stage;

pub(crate) struct Providers {
    pub(crate) simulator: Arc<Simulator>,
    stage: Arc<Stage>,
}

impl Providers {
    pub(crate) fn new(stage: &Arc<Stage>) -> Self {
        let time = stage.time.clone();
        let clock = Clock::from_fn(move || Timestamp::from_millis(time.now()));
        let simulator = Simulator::in_memory(clock).unwrap();
        let told = Arc::clone(stage);
        simulator.watch(move |received| told.tell(&line(received)));
        let storming = Arc::clone(stage);
        simulator.afflict(move |target, token| {
            let fault = trouble(&storming, target)?;
            storming.tell(&format!("  {target:?} for {token:.8}: {fault:?}"));
            Some(fault)
        });
        Self {
            simulator: Arc::new(simulator),
            stage: Arc::clone(stage),
        }
    }

    /// Where they are, over the network of this process.
    pub(crate) fn hosts(&self, process: &Arc<Process>) -> Hosts {
        let hosts = Hosts::stand_ins(self.simulator.stand_ins()).unwrap();
        hosts.through(dialer(&self.stage, process, &self.simulator))
    }
}

fn line(received: &Received) -> String {
    format!(
        "  {} got {} for {:.8}…: {} {}",
        received.provider,
        received.id,
        received.token,
        received.status,
        received.reason.as_deref().unwrap_or("taken")
    )
}

fn trouble(stage: &Stage, target: Target) -> Option<Fault> {
    let push = stage.plan.push.as_ref().unwrap();
    let troubles = push.troubles;
    let (from, to) = push.no_tokens;
    if target == Target::Oauth && (from..to).contains(&stage.time.passed()) {
        return Some(down(stage));
    }
    if stage.goes_wrong(troubles.refused) {
        return Some(refusal(stage, target));
    }
    if stage.goes_wrong(troubles.disbelieved) {
        return Some(disbelief(target));
    }
    if target == Target::Apns && stage.goes_wrong(troubles.bad_token) {
        return Some(Fault::refuse(400, "BadDeviceToken"));
    }
    if target == Target::Apns && stage.goes_wrong(troubles.go_away) {
        // What was taken on the same connection may not be answered any more.
        stage.wire_trouble_for_all();
        let word = *stage.chance.pick(&["Shutdown", "IdleTimeout", "NoReason"]);
        return Some(Fault::GoAway(word.to_owned()));
    }
    if stage.goes_wrong(troubles.dropped) {
        stage.wire_trouble_for_all();
        return Some(Fault::Drop);
    }
    stage.goes_wrong(troubles.silent).then_some(Fault::Silence)
}

fn down(stage: &Stage) -> Fault {
    match stage.chance.index(3) {
        0 => Fault::refuse(503, "unavailable"),
        1 => {
            stage.wire_trouble_for_all();
            Fault::Drop
        }
        _ => Fault::Silence,
    }
}

fn refusal(stage: &Stage, target: Target) -> Fault {
    let words: &[(u16, &str)] = match target {
        Target::Apns => &[
            (429, "TooManyRequests"),
            (429, "TooManyProviderTokenUpdates"),
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
        ],
        Target::Fcm => &[
            (429, "QUOTA_EXCEEDED"),
            (500, "INTERNAL"),
            (503, "UNAVAILABLE"),
        ],
        Target::Oauth => &[(429, "slow_down"), (500, "internal_failure")],
        Target::Baidu => &[(500, "30600"), (503, "30699"), (400, "30607")],
    };
    let (status, word) = *stage.chance.pick(words);
    Fault::Refuse {
        status,
        word: word.to_owned(),
        retry_after: *stage.chance.pick(&[None, Some(7), Some(1800)]),
    }
}

fn disbelief(target: Target) -> Fault {
    match target {
        Target::Apns => Fault::refuse(403, "ExpiredProviderToken"),
        Target::Fcm => Fault::refuse(401, "THIRD_PARTY_AUTH_ERROR"),
        Target::Oauth => Fault::refuse(400, "invalid_grant"),
        Target::Baidu => Fault::refuse(401, "30603"),
    }
}

//! Gates and records in words.

use domain::push::gate::Ground;
use store::{PushRecord, PushState};

use crate::shape::push::GateBody;

/// One gate's decision.
pub(crate) fn told(ground: Ground) -> GateBody {
    GateBody {
        gate: ground.gate().word(),
        passed: !ground.stops(),
        reason: ground.word(),
        setting: ground.setting(),
        explanation: ground.explanation(),
    }
}

/// What became of a push, in a sentence.
pub(crate) fn words(record: &PushRecord) -> String {
    let last = record.explanation.as_deref();
    let stop = record.trail.stop().map(Ground::explanation);
    match record.state {
        PushState::Gated => format!("not sent: {}", stop.or(last).unwrap_or("a gate stopped it")),
        PushState::Pending if record.attempts == 0 => "queued; not tried yet".to_owned(),
        PushState::Pending => format!(
            "to be tried again; {}",
            last.unwrap_or("the last try failed")
        ),
        PushState::Held => format!(
            "held: {}",
            last.unwrap_or("it waits for a better credential")
        ),
        PushState::Sent => format!("sent: {}", last.unwrap_or("the provider took it")),
        PushState::Dead => format!("given up: {}", last.unwrap_or("it could not be sent")),
        PushState::Collapsed => last.unwrap_or("it became part of a summary").to_owned(),
    }
}

//! Messages that are none of ours.

use queue::Record;
use queue::message::{Malformed, owner};
use store::Quarantined;
use telemetry::event::MessageQuarantined;

use crate::Deps;

/// Keeps the message whole, with the reason.
///
/// # Errors
/// When the table does not answer; the record is received again then.
pub(crate) async fn keep(
    deps: &Deps,
    record: &Record,
    why: &Malformed,
) -> Result<(), store::Error> {
    let message = Quarantined {
        network: owner(&record.body),
        queue: "replays".to_owned(),
        message_id: record.message_id.clone(),
        reason: why.to_string(),
        at: record.sent,
        body: record.body.clone(),
    };
    deps.store.quarantine(&message).await?;
    let event = MessageQuarantined {
        queue: "replays",
        message_id: message.message_id,
        reason: why.word(),
        quarantined: 1,
    };
    let now = deps.platform.clock.now();
    deps.platform.telemetry.emit(&event, now.millis());
    Ok(())
}

//! Messages that are none of ours.

use queue::Record;
use queue::message::{Malformed, owner};
use store::Quarantined;
use telemetry::chain::chain;
use telemetry::event::MessageQuarantined;

use crate::Deps;
use crate::attempt::Attempted;

/// Keeps the message whole, with the reason.
///
/// # Errors
/// When the table does not answer; the record is received again then.
pub(crate) async fn keep(
    deps: &Deps,
    record: Record,
    why: &Malformed,
) -> Result<Attempted, String> {
    let message = Quarantined {
        network: owner(&record.body),
        queue: "webhooks".to_owned(),
        message_id: record.message_id.clone(),
        reason: why.to_string(),
        at: record.sent,
        body: record.body,
    };
    let stored = deps.store.quarantine(&message).await;
    stored.map_err(|error| chain(&error))?;
    let event = MessageQuarantined {
        queue: "webhooks",
        message_id: record.message_id,
        reason: why.word(),
        quarantined: 1,
    };
    deps.platform
        .telemetry
        .emit(&event, deps.platform.clock.now().millis());
    Ok(Attempted::Quarantined)
}

//! Messages that are none of ours.

use queue::Record;
use queue::message::Malformed;
use set_aside::Source;
use telemetry::chain::chain;

use crate::Deps;
use crate::attempt::Attempted;

/// Sets the message aside, whole, with the reason.
///
/// # Errors
/// When the table does not answer; the record is received again then.
pub(crate) async fn keep(
    deps: &Deps,
    record: Record,
    why: &Malformed,
) -> Result<Attempted, String> {
    let from = (Source::Webhooks, &record);
    let kept = set_aside::unreadable(&deps.platform, &deps.store, from, why).await;
    kept.map_err(|error| chain(&error))?;
    Ok(Attempted::Quarantined)
}

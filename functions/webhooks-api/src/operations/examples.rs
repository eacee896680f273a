//! Example events of types.

use domain::catalogue::{self, BuiltIn};
use domain::event_type::EventType;
use domain::id::NetworkId;
use domain::operational;
use serde_json::value::RawValue;

use crate::Deps;

/// Example data of an event type, built-in, operational or the network's own, archived ones too;
/// `None` when there is no such type.
pub(super) async fn find(
    deps: &Deps,
    network: &NetworkId,
    event_type: &EventType,
) -> Result<Option<Box<RawValue>>, store::Error> {
    let built_in = catalogue::find(event_type).map(BuiltIn::example);
    let operational = || operational::find(event_type).map(|known| known.example.clone());
    let example = match built_in.or_else(operational) {
        Some(example) => Some(example.to_string()),
        None => {
            let own = deps.store.own_type(network, event_type).await?;
            own.map(|own| own.example)
        }
    };
    // Both were parsed as JSON before.
    Ok(example.and_then(|json| RawValue::from_string(json).ok()))
}

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::NetworkId;
use domain::network::{Retention, Rules};

use crate::item::{Item, Reader, n};
use crate::key::Key;
use crate::{Error, Store};

/// What is known of a network in one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkState {
    /// Grows with every change to any endpoint.
    pub endpoints_version: u64,
    /// What the network decided about all its events.
    pub rules: Rules,
}

impl Store {
    /// A network's endpoint version and rules. Read consistently: fan-out relies on it to see every
    /// endpoint created before an event was accepted.
    ///
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn network(&self, network: &NetworkId) -> Result<NetworkState, Error> {
        const OPERATION: &str = "reading a network";
        let item = self.get(&Key::network(network), OPERATION).await?;
        item.map_or_else(
            || Ok(NetworkState::default()),
            |item| read(&item, OPERATION),
        )
    }

    /// Makes `next` the rules of a network, if their version is still the one before. `false` when
    /// another change came first. The version of the types stays as it is.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn put_rules(&self, network: &NetworkId, next: Rules) -> Result<bool, Error> {
        let before = next.version.saturating_sub(1);
        let call = self
            .update(&Key::network(network))
            .update_expression("SET retentionDays = :days, strict = :strict, rulesVersion = :next")
            .expression_attribute_values(":days", n(next.retention.days()))
            .expression_attribute_values(":strict", AttributeValue::Bool(next.strict))
            .expression_attribute_values(":next", n(next.version));
        // The race: two changes read the same version; only one may build on it.
        let call = if before == 0 {
            call.condition_expression("attribute_not_exists(rulesVersion)")
        } else {
            call.condition_expression("rulesVersion = :before")
                .expression_attribute_values(":before", n(before))
        };
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::call("changing a network's rules")(error)),
            },
        }
    }
}

fn read(item: &Item, operation: &'static str) -> Result<NetworkState, Error> {
    let reader = Reader::new(item, operation);
    let retention = match reader.maybe_number("retentionDays") {
        None => Retention::default(),
        Some(days) => Retention::from_days(days).ok_or_else(|| reader.bad("retentionDays"))?,
    };
    let strict = item.get("strict").and_then(|value| value.as_bool().ok());
    let version = |name| reader.maybe_number(name).unwrap_or(0);
    Ok(NetworkState {
        endpoints_version: version("endpointsVersion"),
        rules: Rules {
            retention,
            strict: strict.copied().unwrap_or(false),
            version: version("rulesVersion"),
            types_version: version("typesVersion"),
        },
    })
}

use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::delivery::Receiver;
use domain::health::{COUNTED_FOR, Health, Open};
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;

use crate::item::{Item, Reader, n};
use crate::key::Key;
use crate::{Error, Store};

/// When the table may delete a count of slow seconds: long after the stretch it is for.
const COUNT_KEPT: Duration = Duration::from_secs(3600);

/// An endpoint's health as recorded, and which record that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KnownHealth {
    /// The default when there is no record.
    pub health: Health,
    /// Grows with each change; 0 when there is no record. A new record begins at a time of about
    /// when it was written, in milliseconds, so it is none that was deleted before.
    pub version: u64,
}

impl Store {
    /// # Errors
    /// When the table does not answer or the record is unreadable.
    pub async fn health(&self, network: &NetworkId, id: EndpointId) -> Result<KnownHealth, Error> {
        const OPERATION: &str = "reading an endpoint's health";
        let item = self.get(&Key::health(network, id), OPERATION).await?;
        let known = item.map(|item| read(&Reader::new(&item, OPERATION)));
        Ok(known.transpose()?.unwrap_or_default())
    }

    /// What deliveries to an endpoint wait for at `now`; `None` when it is deleted.
    ///
    /// # Errors
    /// When the table does not answer or a record is unreadable.
    pub async fn receiver(
        &self,
        network: &NetworkId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<Option<Receiver>, Error> {
        let reads = futures::future::try_join(self.endpoint(network, id), self.health(network, id));
        let (endpoint, known) = reads.await?;
        Ok(endpoint.map(|endpoint| Receiver {
            disabled: endpoint.disabled,
            limits: endpoint.limits,
            health: known.health.as_of(now),
        }))
    }

    /// Replaces the health seen as `before`. `None` when someone else changed it first.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn change_health(
        &self,
        network: &NetworkId,
        id: EndpointId,
        before: KnownHealth,
        after: Health,
    ) -> Result<Option<KnownHealth>, Error> {
        let begins = after.failing_since.max(after.slow_until);
        let known = KnownHealth {
            health: after,
            version: before
                .version
                .saturating_add(1)
                .max(begins.map_or(0, Timestamp::millis)),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(write(network, id, known)));
        // The race: two dispatchers saw the same record, or one saw a record that was deleted since,
        // because the endpoint got well or was enabled; only who saw what is there may build on it.
        let put = if before.version == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("version = :before")
                .expression_attribute_values(":before", n(before.version))
        };
        let sent = put.send().await;
        match sent {
            Ok(_) => Ok(Some(known)),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(Error::call("changing an endpoint's health")(error)),
            },
        }
    }

    /// Counts a slow second at `now`: how many there were in the stretch of time that it lies in, this
    /// one included.
    ///
    /// # Errors
    /// When the table does not answer or the count is unreadable.
    pub async fn count_slow(
        &self,
        network: &NetworkId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<u32, Error> {
        const OPERATION: &str = "counting slow seconds";
        let stretch = now.seconds() / COUNTED_FOR.as_secs();
        let counted = self
            .update(&Key::slow_count(network, id, stretch))
            .update_expression("SET expires = :expires ADD slow :one")
            .expression_attribute_values(":expires", n(now.after(COUNT_KEPT).seconds()))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(Error::call(OPERATION))?;
        let item = counted.attributes.unwrap_or_default();
        Reader::new(&item, OPERATION).small("slow")
    }

    /// Forgets the health seen as `before`: the endpoint is healthy. `false` when someone else
    /// changed it first.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn clear_health(
        &self,
        network: &NetworkId,
        id: EndpointId,
        before: KnownHealth,
    ) -> Result<bool, Error> {
        let [pk, sk] = Key::health(network, id).attributes();
        let sent = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", n(before.version))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::call("clearing an endpoint's health")(error)),
            },
        }
    }
}

fn write(network: &NetworkId, id: EndpointId, known: KnownHealth) -> Item {
    let Health {
        failures,
        failing_since,
        open,
        warned,
        slow_until,
    } = known.health;
    let optional = [
        ("since", failing_since.map(|at| n(at.millis()))),
        ("probeAt", open.map(|open| n(open.probe_at.millis()))),
        ("probes", open.map(|open| n(open.probes))),
        ("slowUntil", slow_until.map(|at| n(at.millis()))),
    ];
    [
        ("failures", n(failures)),
        ("warned", n(warned)),
        ("version", n(known.version)),
    ]
    .into_iter()
    .chain(Key::health(network, id).attributes())
    .chain(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    )
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn read(item: &Reader<'_>) -> Result<KnownHealth, Error> {
    let open = match item.maybe_number("probeAt") {
        None => None,
        Some(probe_at) => Some(Open {
            probe_at: Timestamp::from_millis(probe_at),
            probes: item.small("probes")?,
        }),
    };
    Ok(KnownHealth {
        health: Health {
            failures: item.small("failures")?,
            failing_since: item.maybe_number("since").map(Timestamp::from_millis),
            open,
            warned: u8::try_from(item.number("warned")?).map_err(|_| item.bad("warned"))?,
            slow_until: item.maybe_number("slowUntil").map(Timestamp::from_millis),
        },
        version: item.number("version")?,
    })
}

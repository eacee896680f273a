//! Every key of the table is formed here.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::base32;
use domain::credential::{Record as Credential, Slot};
use domain::event_type::EventType;
use domain::id::{CredentialId, DeliveryId, EndpointId, EventId, NetworkId, ReplayId};

use domain::push::device::{DeviceId, Token, UserId};
use domain::push::preference::Place;

use crate::expiry::Dated;
use crate::item::s;
use crate::ledger::Hour;
use crate::push::{PUSH_SHARDS, SUBSCRIBER_SHARDS, USER_SHARDS};

/// Deliveries of one endpoint are spread over this many partitions: a partition takes 1,000 write
/// units a second, so one endpoint can receive about 2,000 webhooks a second. Never change it: it
/// is part of every stored key.
pub(crate) const DELIVERY_SHARDS: u8 = 4;

/// An hour of the ledger is spread over this many partitions; a batch of ten events is one write.
pub(crate) const LEDGER_SHARDS: u8 = 4;

pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    pub(crate) fn api_key(id: &str) -> Self {
        Self {
            pk: format!("KEY#{id}"),
            sk: "KEY".to_owned(),
        }
    }

    pub(crate) fn network(network: &NetworkId) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: "META".to_owned(),
        }
    }

    pub(crate) fn endpoint(network: &NetworkId, id: EndpointId) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: format!("EP#{id}"),
        }
    }

    /// Apart from the endpoints there are, which fan-out reads.
    pub(crate) fn deleted_endpoint(network: &NetworkId, id: EndpointId) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: format!("GONE#{id}"),
        }
    }

    pub(crate) fn own_type(network: &NetworkId, name: &EventType) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: format!("TYPE#{name}"),
        }
    }

    pub(crate) fn own_type_at(network: &NetworkId, name: &EventType, version: u64) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: format!("TYPEV#{name}#{version:012}"),
        }
    }

    pub(crate) fn idempotency(network: &NetworkId, key_hash: &str) -> Self {
        Self {
            pk: format!("I#{network}"),
            sk: key_hash.to_owned(),
        }
    }

    pub(crate) fn event(network: &NetworkId, id: &EventId) -> Self {
        Self {
            pk: format!("{}{id}", Self::event_prefix(network)),
            sk: "E".to_owned(),
        }
    }

    /// What the partitions of the network's events begin with; the id follows.
    pub(crate) fn event_prefix(network: &NetworkId) -> String {
        format!("E#{network}#")
    }

    pub(crate) fn event_body(network: &NetworkId, id: &EventId, message_id: &str) -> Self {
        Self {
            pk: format!("E#{network}#{id}"),
            sk: format!("B#{message_id}"),
        }
    }

    pub(crate) fn delivery(network: &NetworkId, id: DeliveryId) -> Self {
        let shard = id.shard(DELIVERY_SHARDS);
        Self {
            pk: delivery_partition(network, id.endpoint(), shard),
            sk: id.order(),
        }
    }

    pub(crate) fn replay(network: &NetworkId, endpoint: EndpointId, id: ReplayId) -> Self {
        Self {
            pk: replay_partition(network, endpoint),
            sk: id.to_string(),
        }
    }

    /// Apart from the deliveries, whose partitions are listed.
    pub(crate) fn response(network: &NetworkId, id: DeliveryId, number: u32) -> Self {
        Self {
            pk: format!("R#{network}#{id}"),
            sk: format!("{number:06}"),
        }
    }

    pub(crate) fn health(network: &NetworkId, id: EndpointId) -> Self {
        Self {
            pk: format!("H#{network}#{id}"),
            sk: "HEALTH".to_owned(),
        }
    }

    /// Of the same partition as the health, so that both limits and health are one item collection.
    pub(crate) fn limits(network: &NetworkId, id: EndpointId) -> Self {
        Self {
            pk: format!("H#{network}#{id}"),
            sk: "LIMITS".to_owned(),
        }
    }

    /// Of the same partition too; `stretch` numbers the times for which slow attempts are counted.
    pub(crate) fn slow_count(network: &NetworkId, id: EndpointId, stretch: u64) -> Self {
        Self {
            pk: format!("H#{network}#{id}"),
            sk: format!("SLOW#{stretch}"),
        }
    }

    pub(crate) fn quarantine(network: Option<&NetworkId>, at: u64, message_id: &str) -> Self {
        Self {
            pk: quarantine_partition(network),
            sk: format!("{at:013}#{message_id}"),
        }
    }

    /// What of a long message's text its record has no room for, from part 1; apart from the records,
    /// which are listed.
    pub(crate) fn quarantine_part(
        network: Option<&NetworkId>,
        (at, message_id): (u64, &str),
        part: usize,
    ) -> Self {
        Self {
            pk: format!("{}#{at:013}#{message_id}", quarantine_partition(network)),
            sk: format!("{part:03}"),
        }
    }

    pub(crate) fn ledger(network: &NetworkId, hour: Hour, token: [u8; 10]) -> Self {
        let [first, ..] = token;
        Self {
            pk: ledger_partition(hour, first % LEDGER_SHARDS),
            sk: format!("{network}#{}", base32::encode(&token)),
        }
    }

    pub(crate) fn user(network: &NetworkId, user: &UserId) -> Self {
        Self {
            pk: user_partition(network, user.shard(USER_SHARDS)),
            sk: user.to_string(),
        }
    }

    pub(crate) fn device(network: &NetworkId, id: &DeviceId) -> Self {
        Self {
            pk: format!("V#{network}#{}", id.key()),
            sk: "V".to_owned(),
        }
    }

    pub(crate) fn token(network: &NetworkId, token: &Token) -> Self {
        Self {
            pk: format!("T#{network}#{}", token.key()),
            sk: "T".to_owned(),
        }
    }

    pub(crate) fn place(network: &NetworkId, place: &Place) -> Self {
        Self {
            pk: format!("S#{network}#{}", place.key()),
            sk: "MODE".to_owned(),
        }
    }

    pub(crate) fn subscriber(network: &NetworkId, place: &Place, user: &UserId) -> Self {
        Self {
            pk: subscriber_partition(network, place, user.shard(SUBSCRIBER_SHARDS)),
            sk: user.to_string(),
        }
    }

    pub(crate) fn push_settings(network: &NetworkId) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: "PUSH".to_owned(),
        }
    }

    pub(crate) fn push_settings_at(network: &NetworkId, version: u64) -> Self {
        Self {
            pk: format!("N#{network}"),
            sk: format!("PUSHV#{version:012}"),
        }
    }

    pub(crate) fn push(network: &NetworkId, event: &EventId) -> Self {
        Self {
            pk: format!("E#{network}#{event}"),
            sk: "P".to_owned(),
        }
    }

    pub(crate) fn walk(network: &NetworkId, event: &EventId, shard: u8) -> Self {
        Self {
            pk: format!("E#{network}#{event}"),
            sk: format!("W#{shard:02}"),
        }
    }

    /// `device` is [`DeviceId::key`]; without one it is the record of the user as a whole.
    pub(crate) fn push_record(
        network: &NetworkId,
        event: &EventId,
        user: &UserId,
        device: Option<&str>,
    ) -> Self {
        Self {
            pk: push_partition(network, event, user.shard(PUSH_SHARDS)),
            // A user's id may hold any sign, a device's key none but letters and digits: the last
            // # parts the two.
            sk: format!("{user}#{}", device.unwrap_or_default()),
        }
    }

    /// Apart from what ends, so that changing that leaves the watch alone.
    pub(crate) fn expiry(network: &NetworkId, subject: Dated) -> Self {
        Self {
            pk: format!("X#{network}"),
            sk: subject.sort_key(),
        }
    }

    /// Beside what ends, in a shard of its own.
    pub(crate) fn left_keys(network: &NetworkId, endpoint: EndpointId) -> Self {
        Self {
            pk: format!("X#{network}"),
            sk: format!("KEYS#{endpoint}"),
        }
    }

    pub(crate) fn credential(network: &NetworkId, id: CredentialId) -> Self {
        Self {
            pk: Self::credentials(network),
            sk: format!("CRED#{id}"),
        }
    }

    /// Of the same partition as the credentials, so that all is known from one query.
    pub(crate) fn slot(network: &NetworkId, slot: Slot) -> Self {
        Self {
            pk: Self::credentials(network),
            sk: format!("SLOT#{slot}"),
        }
    }

    /// One per material and place that it serves, apart from the credentials, which are read at every
    /// send.
    pub(crate) fn material(credential: &Credential) -> Self {
        let facts = &credential.facts;
        let [bundle, project] =
            [&facts.bundle_id, &facts.project_id].map(|one| one.as_deref().unwrap_or_default());
        Self {
            pk: format!("F#{}", credential.network),
            sk: format!(
                "{}#{}#{bundle}#{project}",
                credential.slot, facts.fingerprint
            ),
        }
    }

    pub(crate) fn credentials(network: &NetworkId) -> String {
        format!("C#{network}")
    }

    pub(crate) fn burst(network: &NetworkId, user: &UserId, name: &str) -> Self {
        Self {
            // A partition a person, so that nobody's burst slows another's.
            pk: format!("B#{network}#{user}"),
            sk: name.to_owned(),
        }
    }

    pub(crate) fn attributes(&self) -> [(&'static str, AttributeValue); 2] {
        [("pk", s(&self.pk)), ("sk", s(&self.sk))]
    }
}

pub(crate) fn delivery_partition(network: &NetworkId, endpoint: EndpointId, shard: u8) -> String {
    format!("D#{network}#{endpoint}#{shard}")
}

pub(crate) fn replay_partition(network: &NetworkId, endpoint: EndpointId) -> String {
    format!("J#{network}#{endpoint}")
}

pub(crate) fn ledger_partition(hour: Hour, shard: u8) -> String {
    format!("L#{:08}#{shard}", hour.number())
}

pub(crate) fn user_partition(network: &NetworkId, shard: u8) -> String {
    format!("U#{network}#{shard}")
}

pub(crate) fn subscriber_partition(network: &NetworkId, place: &Place, shard: u8) -> String {
    format!("S#{network}#{}#{shard}", place.key())
}

pub(crate) fn push_partition(network: &NetworkId, event: &EventId, shard: u8) -> String {
    format!("P#{network}#{event}#{shard}")
}

/// `_` is no network's name, so messages of nobody have a place of their own.
pub(crate) fn quarantine_partition(network: Option<&NetworkId>) -> String {
    network.map_or_else(|| "Q#_".to_owned(), |network| format!("Q#{network}"))
}

/// Reads a delivery's identity off its key.
pub(crate) fn parse_delivery(pk: &str, sk: &str) -> Option<(NetworkId, DeliveryId)> {
    let mut parts = pk.strip_prefix("D#")?.split('#');
    let network = NetworkId::parse(parts.next()?)?;
    let endpoint = EndpointId::parse(parts.next()?)?;
    Some((network, DeliveryId::from_parts(endpoint, sk)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

    #[test]
    fn a_delivery_is_found_from_its_id_and_known_by_its_key() {
        let network = NetworkId::parse("demo").unwrap();
        for event in ["a", "b", "c", "d", "e", "f"] {
            let event = EventId::parse(event).unwrap();
            let id = DeliveryId::of(
                EndpointId::from_bytes([9; 16]),
                Timestamp::from_millis(77),
                &event,
            );
            let key = Key::delivery(&network, id);
            assert_eq!(
                parse_delivery(&key.pk, &key.sk),
                Some((network.clone(), id))
            );
        }
    }
}

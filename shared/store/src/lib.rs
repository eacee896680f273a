#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod addressees;
mod api_keys;
mod attempt_log;
mod balance;
mod batch;
mod claims;
mod contention;
mod deliveries;
mod due;
mod endpoint_item;
mod endpoints;
mod error;
mod event_types;
mod events;
mod expiry;
mod expunge;
mod health;
mod idempotency;
mod item;
mod key;
mod ledger;
mod left_keys;
mod limits;
mod listing;
mod network;
mod packed;
mod prolong;
mod push;
mod quarantine;
mod replays;
mod rounds;
mod transaction;

pub use addressees::Addressee;
pub use api_keys::api_key_item;
pub use batch::MAX_BATCH;
pub use claims::{Claim, Claimant};
pub use deliveries::{Delivery, Finished, Recorded};
pub use due::{DUE_SHARDS, Due, DueCursor, DuePage};
pub use endpoints::{Created, MAX_ENDPOINTS};
pub use error::Error;
pub use event_types::{MAX_OWN_TYPES, TypeChange};
pub use events::{StoredEvent, Taken};
pub use expiry::{Dated, Watch};
pub use health::KnownHealth;
pub use idempotency::Before;
pub use ledger::{Entry, Hour, Taking};
pub use left_keys::LeftKeys;
pub use limits::{Pace, Slot};
pub use listing::{Counted, DeliveryFilter, DeliveryPage, Order};
pub use network::NetworkState;
pub use push::{
    ActiveSlot, Burst, Credentials, GIVEN_UP, Kept, Owed, PUSH_SHARDS, Paused, PushCursor,
    PushPage, PushRecord, PushState, RecipientPage, Registered, SUBSCRIBER_SHARDS, SettingsVersion,
    StoredPush, StoredRecipient, SubscriberPage, USER_SHARDS, Walk, WalkPage, WalkStep,
};
pub use quarantine::{QuarantineId, QuarantinePage, Quarantined};
pub use replays::ReplayPage;
pub use rounds::{Begun, Parked, Round};

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use runtime::Random;

/// How long pushes and quarantine records are kept; events, deliveries, answers and the
/// ledger have the retention of their network.
pub const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// The table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    random: Option<Random>,
}

impl Store {
    /// Asks the table named `table` through `client`; makes no call yet.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            random: None,
        }
    }

    /// The same, with randomness that spreads the pauses of changes that meet: for whoever makes such
    /// changes from many sides at once.
    #[must_use]
    pub fn spread_by(self, random: Random) -> Self {
        Self {
            random: Some(random),
            ..self
        }
    }

    /// A query of one partition from `after` on, or from its beginning.
    fn query_after(&self, pk: &str, after: Option<&str>) -> QueryFluentBuilder {
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .expression_attribute_values(":pk", item::s(pk));
        match after {
            None => call.key_condition_expression("pk = :pk"),
            Some(after) => call
                .key_condition_expression("pk = :pk AND sk > :after")
                .expression_attribute_values(":after", item::s(after)),
        }
    }

    /// An update of the item at `key`, to be given its expressions.
    fn update(&self, key: &key::Key) -> UpdateItemFluentBuilder {
        let [pk, sk] = key.attributes();
        self.client
            .update_item()
            .table_name(&self.table)
            .key(pk.0, pk.1)
            .key(sk.0, sk.1)
    }
}

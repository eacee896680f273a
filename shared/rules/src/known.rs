//! Rules and compiled schemas, kept between invocations.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex as Map, PoisonError};
use std::time::Duration;

use domain::catalogue::{self, BuiltIn};
use domain::event_type::EventType;
use domain::field::FieldError;
use domain::id::NetworkId;
use domain::network::Rules;
use domain::time::Timestamp;
use serde_json::Value;
use store::Store;
use tokio::sync::Mutex;

use crate::Schema;

/// How long rules are used without asking: the longest that a change goes unnoticed.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long they are used while the table does not answer.
const MAX_STALE: Duration = Duration::from_secs(3600);

/// Most networks kept, and most types of one network; a type is a compiled schema.
const MAX_NETWORKS: usize = 1_000;
const MAX_TYPES: usize = 200;

/// What is known of the rules of networks. Each network has a lock of its own, so a slow answer for
/// one makes no other wait.
#[derive(Debug, Default)]
pub struct Known(Map<HashMap<NetworkId, Arc<Mutex<Option<Slot>>>>>);

#[derive(Debug)]
struct Slot {
    rules: Rules,
    read_at: Timestamp,
    /// As of `rules.types_version`.
    types: HashMap<EventType, Arc<Kind>>,
}

/// What a name stands for in a network.
#[derive(Debug)]
enum Kind {
    /// Data of this type must be as the schema says.
    Checked(Schema),
    /// An own type that was archived.
    Archived,
    Unknown,
}

impl Known {
    /// The rules of a network, at most five seconds old while the table answers.
    ///
    /// # Errors
    /// When the table does not answer, and has not for an hour.
    pub async fn rules(
        &self,
        store: &Store,
        network: &NetworkId,
        now: Timestamp,
    ) -> Result<Rules, store::Error> {
        let slot = self.slot(network);
        let mut slot = slot.lock().await;
        let age = slot.as_ref().map(|known| now.since(known.read_at));
        if let Some(known) = slot.as_ref().filter(|_| age < Some(MAX_AGE)) {
            return Ok(known.rules);
        }
        match store.network(network).await {
            Ok(state) => {
                let rules = state.rules;
                learn(&mut slot, rules, now);
                Ok(rules)
            }
            Err(error) => match slot.as_ref().filter(|_| age < Some(MAX_STALE)) {
                Some(known) => Ok(known.rules),
                None => Err(error),
            },
        }
    }

    /// The rules of a network, read as `rules`, that an event of this type with this data breaks;
    /// none unless the network is strict. Asks the table only for an own type that it does not know
    /// as of these rules.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn objections(
        &self,
        store: &Store,
        network: &NetworkId,
        rules: Rules,
        event_type: &EventType,
        data: &str,
        now: Timestamp,
    ) -> Result<Vec<FieldError>, store::Error> {
        if !rules.strict {
            return Ok(Vec::new());
        }
        Ok(match catalogue::find(event_type) {
            Some(built_in) => compiled(built_in).map_or(Vec::new(), |schema| check(&schema, data)),
            None => {
                let kind = self.own(store, network, rules, event_type, now).await?;
                match kind.as_ref() {
                    Kind::Checked(schema) => check(schema, data),
                    Kind::Archived => vec![FieldError::new(
                        "event",
                        "archived",
                        "is an event type that this network has archived; define it again to use it",
                    )],
                    Kind::Unknown => vec![unknown(event_type)],
                }
            }
        })
    }

    async fn own(
        &self,
        store: &Store,
        network: &NetworkId,
        rules: Rules,
        event_type: &EventType,
        now: Timestamp,
    ) -> Result<Arc<Kind>, store::Error> {
        let slot = self.slot(network);
        let mut slot = slot.lock().await;
        // Older rules than those known: newer types are as good for them.
        if slot
            .as_ref()
            .is_none_or(|known| known.rules.types_version < rules.types_version)
        {
            learn(&mut slot, rules, now);
        }
        let known = slot.as_ref().and_then(|known| known.types.get(event_type));
        if let Some(kind) = known {
            return Ok(Arc::clone(kind));
        }
        let kind = match store.own_type(network, event_type).await? {
            None => Kind::Unknown,
            Some(own) if own.archived => Kind::Archived,
            // It was checked when it was defined; limits that became narrower since check nothing.
            Some(own) => Schema::parse(&own.schema).map_or(Kind::Unknown, Kind::Checked),
        };
        let kind = Arc::new(kind);
        if let Some(known) = slot.as_mut() {
            if known.types.len() >= MAX_TYPES {
                known.types.clear();
            }
            known.types.insert(event_type.clone(), Arc::clone(&kind));
        }
        Ok(kind)
    }

    fn slot(&self, network: &NetworkId) -> Arc<Mutex<Option<Slot>>> {
        // A panic elsewhere cannot leave the map half-changed: each change is one insert or clear.
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if networks.len() >= MAX_NETWORKS && !networks.contains_key(network) {
            networks.clear();
        }
        Arc::clone(networks.entry(network.clone()).or_default())
    }
}

/// Keeps the types only as long as none has changed.
fn learn(slot: &mut Option<Slot>, rules: Rules, now: Timestamp) {
    let before = slot.take();
    let same = before.filter(|known| known.rules.types_version == rules.types_version);
    *slot = Some(Slot {
        rules,
        read_at: now,
        types: same.map(|known| known.types).unwrap_or_default(),
    });
}

fn check(schema: &Schema, data: &str) -> Vec<FieldError> {
    // Data is a JSON object by the time it is checked.
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let violations = schema.violations(&data).into_iter();
    violations
        .map(|violation| violation.of_field("data"))
        .collect()
}

fn unknown(event_type: &EventType) -> FieldError {
    let names = catalogue::built_in()
        .iter()
        .map(|built_in| built_in.name.as_str());
    let near = catalogue::nearest(event_type.as_str(), names);
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let message = format!("is no event type of this network, and it is strict{hint}");
    FieldError::new("event", "unknown", message)
}

/// The compiled schema of a built-in type; each is compiled at its first use.
fn compiled(built_in: &'static BuiltIn) -> Option<Arc<Schema>> {
    static COMPILED: LazyLock<Map<HashMap<&'static str, Arc<Schema>>>> =
        LazyLock::new(Map::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let name = built_in.name.as_str();
    if let Some(schema) = compiled.get(name) {
        return Some(Arc::clone(schema));
    }
    let schema = Arc::new(Schema::of(&built_in.schema()).ok()?);
    compiled.insert(name, Arc::clone(&schema));
    Some(schema)
}

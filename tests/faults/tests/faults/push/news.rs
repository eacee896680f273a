//! What those who subscribed are told of credentials.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::EventId;
use serde_json::Value;

use crate::push::oracle::Account;
use crate::sandbox::Kind;
use crate::world::World;

/// What became of a credential is one event each, however often it was reported, and none is still to be
/// told.
pub(crate) async fn judge_news(world: &World, account: &mut Account) {
    let mut told: BTreeMap<(String, String), BTreeSet<EventId>> = BTreeMap::new();
    for id in events(world).await {
        let stored = world.store.event(&world.network, &id).await.unwrap();
        let event = stored.unwrap().event;
        let data: Value = serde_json::from_str(event.data.get()).unwrap();
        let about = ["credentialId", "certificateId"].map(|key| data[key].as_str());
        let about = about.into_iter().flatten().next().unwrap_or_default();
        let name = event.event_type.as_str().to_owned();
        told.entry((name, about.to_owned())).or_default().insert(id);
    }
    for ((name, about), ids) in told {
        match name.as_str() {
            "credential.failed" => account.failed += 1,
            "credential.recovered" => account.recovered += 1,
            "credential.activated" => account.activated += 1,
            "device.guarded" => account.guarded += 1,
            _ => continue,
        }
        if ids.len() > 1 {
            account
                .broken
                .push(format!("{name} of {about} is the events {ids:?}"));
        }
    }
    let known = world.store.credentials(&world.network).await.unwrap();
    for active in known.active.iter().filter(|one| !one.owed.is_empty()) {
        let owed = (active.slot, &active.owed);
        account.broken.push(format!("it was never told: {owed:?}"));
    }
}

/// All that are stored.
async fn events(world: &World) -> Vec<EventId> {
    let table = &Kind::Dispatch.function(&world.template).environment["TABLE_NAME"];
    let mut items = world
        .aws
        .dynamodb()
        .scan()
        .table_name(table)
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while let Some(item) = items.next().await {
        let item = item.unwrap();
        let key = |name: &str| item[name].as_s().unwrap().clone();
        let prefix = format!("E#{}#", world.network);
        if key("sk") == "E" {
            found.extend(EventId::parse(key("pk").strip_prefix(&prefix).unwrap()));
        }
    }
    found
}

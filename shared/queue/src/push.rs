//! The wire formats of the two queues of pushes: pages of people to ask the gates for, and pushes
//! owed to devices.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::credential::Slot;
use domain::field::FieldError;
use domain::id::{EventId, NetworkId};
use domain::push::device::{Device, DeviceId, Locale, Token, UserId};
use domain::push::gate::Trail;
use domain::push::message::{Localised, Priority, Push, Text};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::message::{Malformed, write};

/// A message of the audience queue: ask the gates for these people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceMessage {
    /// The event's network.
    pub network: NetworkId,
    /// The event; what its push is about is in the table.
    pub event: EventId,
    /// Which people.
    pub people: People,
    /// It may be a copy of one sent before, or have people whom a page before it met already: what was
    /// decided stands.
    pub repeated: bool,
    /// How often quarantine has sent it back.
    pub resent: u32,
}

/// A page of an audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum People {
    /// These, at most as many as one batch read takes.
    Named {
        /// Which page of those named, from 0.
        page: u8,
        /// Who.
        users: Vec<UserId>,
    },
    /// One person, of whose pushes too many came at once: what was kept back becomes a summary.
    Summary {
        /// Who.
        user: UserId,
        /// The name that the pushes go by.
        name: String,
    },
    /// The next of one partition.
    Walk {
        /// Of the network's users, or of the place's subscribers.
        shard: u8,
        /// Which page of the partition, from 0.
        page: u32,
        /// After whom it starts.
        after: Option<UserId>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AudienceWire {
    network_id: String,
    event_id: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(default, skip_serializing_if = "crate::message::is_zero")]
    resent: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<NamedWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<SummaryWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<WalkWire>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedWire {
    page: u8,
    users: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryWire {
    user: String,
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WalkWire {
    shard: u8,
    page: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl AudienceMessage {
    /// The message's JSON, as [`read`](Self::read) takes it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut wire = AudienceWire {
            network_id: self.network.to_string(),
            event_id: self.event.to_string(),
            repeated: self.repeated,
            resent: self.resent,
            named: None,
            summary: None,
            walk: None,
        };
        match &self.people {
            People::Named { page, users } => {
                let users = users.iter().map(ToString::to_string).collect();
                wire.named = Some(NamedWire { page: *page, users });
            }
            People::Summary { user, name } => {
                wire.summary = Some(SummaryWire {
                    user: user.to_string(),
                    name: name.clone(),
                });
            }
            People::Walk { shard, page, after } => {
                wire.walk = Some(WalkWire {
                    shard: *shard,
                    page: *page,
                    after: after.as_ref().map(ToString::to_string),
                });
            }
        }
        write(&wire)
    }

    /// # Errors
    /// When the body is not one of ours.
    pub fn read(body: &str) -> Result<Self, Malformed> {
        let wire: AudienceWire = serde_json::from_str(body).map_err(Malformed::Json)?;
        let user = |id: &String| UserId::parse(id).ok_or_else(|| bad("users"));
        let people = match (wire.named, wire.summary, wire.walk) {
            (Some(named), None, None) => People::Named {
                page: named.page,
                users: named.users.iter().map(user).collect::<Result<_, _>>()?,
            },
            (None, Some(summary), None) => People::Summary {
                user: user(&summary.user)?,
                name: summary.name,
            },
            (None, None, Some(walk)) => People::Walk {
                shard: walk.shard,
                page: walk.page,
                after: walk.after.as_ref().map(user).transpose()?,
            },
            _ => return Err(bad("walk")),
        };
        Ok(Self {
            network: NetworkId::parse(&wire.network_id).ok_or_else(|| bad("networkId"))?,
            event: EventId::parse(&wire.event_id).ok_or_else(|| bad("eventId"))?,
            people,
            repeated: wire.repeated,
            resent: wire.resent,
        })
    }
}

/// A message of the push queue: a push owed to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// The event's network.
    pub network: NetworkId,
    /// The event; with user and device it names the push's record.
    pub event: EventId,
    /// When the event was accepted: retention and give-up times count from it.
    pub accepted: Timestamp,
    /// The name that the push goes by; bursts are counted by it and the user.
    pub name: String,
    /// Whom it is for.
    pub user: UserId,
    /// Where it goes, as registered when it was owed.
    pub device: Device,
    /// From 1.
    pub attempt: u32,
    /// The message may be a copy of one sent before: look at the record first.
    pub repeated: bool,
    /// How often quarantine has sent it back.
    pub resent: u32,
    /// What each gate decided when it was owed.
    pub trail: Trail,
    /// It waits for a better credential.
    pub held: Option<Held>,
    /// The provider wants no try before; none when the queue's own delay sees to it.
    pub not_before: Option<Timestamp>,
    /// What is shown.
    pub push: Push,
}

/// A push that waits for a better credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How often it was looked at and kept waiting.
    pub times: u32,
    /// The activation of the credential that did not do.
    pub version: u64,
    /// What its record says that it waits for; `None` in messages from before this was kept.
    pub why: Option<HeldFor>,
}

/// What is wrong with the credential that a push waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldFor {
    /// It is paused.
    Pause,
    /// It, or the push's token, is in doubt.
    Doubt,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushMessageWire {
    network_id: String,
    event_id: String,
    accepted: u64,
    name: String,
    user_id: String,
    device: DeviceWire,
    attempt: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(default, skip_serializing_if = "crate::message::is_zero")]
    resent: u32,
    trail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<(u32, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_for: Option<HeldFor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<u64>,
    push: PushWire,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceWire {
    id: String,
    slot: String,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    registered: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<TextWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<TextWire>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    badge: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sound: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collapse_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    priority: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    silent: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct TextWire {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
}

impl PushMessage {
    /// The message's JSON, as [`read`](Self::read) takes it.
    #[must_use]
    pub fn write(&self) -> String {
        write(&PushMessageWire {
            network_id: self.network.to_string(),
            event_id: self.event.to_string(),
            accepted: self.accepted.millis(),
            name: self.name.clone(),
            user_id: self.user.to_string(),
            device: device_wire(&self.device),
            attempt: self.attempt,
            repeated: self.repeated,
            resent: self.resent,
            trail: self.trail.to_text(),
            held: self.held.map(|held| (held.times, held.version)),
            held_for: self.held.and_then(|held| held.why),
            not_before: self.not_before.map(Timestamp::millis),
            push: push_wire(&self.push),
        })
    }

    /// # Errors
    /// When the body is not one of ours.
    pub fn read(body: &str) -> Result<Self, Malformed> {
        let wire: PushMessageWire = serde_json::from_str(body).map_err(Malformed::Json)?;
        if wire.attempt == 0 {
            return Err(bad("attempt"));
        }
        Ok(Self {
            network: NetworkId::parse(&wire.network_id).ok_or_else(|| bad("networkId"))?,
            event: EventId::parse(&wire.event_id).ok_or_else(|| bad("eventId"))?,
            accepted: Timestamp::from_millis(wire.accepted),
            name: wire.name,
            user: UserId::parse(&wire.user_id).ok_or_else(|| bad("userId"))?,
            device: device(&wire.device).ok_or_else(|| bad("device"))?,
            attempt: wire.attempt,
            repeated: wire.repeated,
            resent: wire.resent,
            trail: Trail::parse(&wire.trail).ok_or_else(|| bad("trail"))?,
            held: wire.held.map(|(times, version)| Held {
                times,
                version,
                why: wire.held_for,
            }),
            not_before: wire.not_before.map(Timestamp::from_millis),
            push: push(wire.push).ok_or_else(|| bad("push"))?,
        })
    }
}

fn bad(field: &str) -> Malformed {
    Malformed::Fields(vec![FieldError::new(field, "format", "is not one of ours")])
}

fn device_wire(device: &Device) -> DeviceWire {
    DeviceWire {
        id: device.id.to_string(),
        slot: device.slot.to_string(),
        token: device.token.expose().to_owned(),
        locale: device.locale.as_ref().map(ToString::to_string),
        registered: device.registered.millis(),
    }
}

fn device(wire: &DeviceWire) -> Option<Device> {
    let slot = Slot::parse(&wire.slot)?;
    Some(Device {
        id: DeviceId::parse(&wire.id)?,
        slot,
        token: Token::parse(&wire.token, slot.provider())?,
        locale: wire.locale.as_deref().and_then(Locale::parse),
        registered: Timestamp::from_millis(wire.registered),
    })
}

fn push_wire(push: &Push) -> PushWire {
    let text = |text: &Text| TextWire {
        text: text.text.clone(),
        key: text.localised.as_ref().map(|known| known.key.clone()),
        args: text
            .localised
            .as_ref()
            .map_or_else(Vec::new, |known| known.args.clone()),
    };
    PushWire {
        title: push.title.as_ref().map(text),
        body: push.body.as_ref().map(text),
        data: push.data.clone(),
        badge: push.badge,
        sound: push.sound.clone(),
        collapse_id: push.collapse_id.clone(),
        ttl_seconds: push.ttl.map(|ttl| ttl.as_secs()),
        priority: push.priority.word().to_owned(),
        silent: push.silent,
    }
}

fn push(wire: PushWire) -> Option<Push> {
    let text = |wire: TextWire| Text {
        text: wire.text,
        localised: wire.key.map(|key| Localised {
            key,
            args: wire.args,
        }),
    };
    Some(Push {
        title: wire.title.map(text),
        body: wire.body.map(text),
        data: wire.data,
        badge: wire.badge,
        sound: wire.sound,
        collapse_id: wire.collapse_id,
        ttl: wire.ttl_seconds.map(Duration::from_secs),
        priority: Priority::parse(&wire.priority)?,
        silent: wire.silent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::credential::{Platform, Provider};
    use domain::push::device::slot;
    use domain::push::gate::Ground;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Option<Text>> {
        let key = proptest::option::of(("[A-Z]{1,5}", proptest::collection::vec(".{0,5}", 0..3)));
        proptest::option::of((".{0,20}", key).prop_map(|(text, key)| Text {
            text,
            localised: key.map(|(key, args)| Localised { key, args }),
        }))
    }

    proptest! {
        #[test]
        fn pushes_come_back_as_they_were_sent(
            title in text(), body in text(), data in proptest::collection::btree_map(".{1,5}", ".{0,9}", 0..4),
            badge: Option<u32>, ttl in proptest::option::of(0_u32..99), silent: bool, repeated: bool, attempt in 1_u32..9,
            user in "[^\\p{C}]{1,20}", locale in proptest::option::of(Just("pt-br"))
        ) {
            let sent = PushMessage {
                network: NetworkId::parse("demo").unwrap(),
                event: EventId::parse("evt_1").unwrap(),
                accepted: Timestamp::from_millis(7),
                name: "post.created".to_owned(),
                user: UserId::parse(&user).unwrap(),
                device: Device {
                    id: DeviceId::parse("d").unwrap(),
                    slot: slot(Platform::Ios, None, None).unwrap(),
                    token: Token::parse("ab", Provider::Apns).unwrap(),
                    locale: locale.and_then(Locale::parse),
                    registered: Timestamp::from_millis(3),
                },
                attempt,
                repeated,
                resent: attempt,
                trail: Trail::default().and(Ground::MasterOn),
                held: badge.map(|times| Held {
                    times,
                    version: 3,
                    why: [None, Some(HeldFor::Pause), Some(HeldFor::Doubt)][times as usize % 3],
                }),
                not_before: ttl.map(|at| Timestamp::from_millis(u64::from(at))),
                push: Push {
                    title, body, data, badge, silent,
                    ttl: ttl.map(|seconds| Duration::from_secs(u64::from(seconds))),
                    ..Push::default()
                },
            };
            prop_assert_eq!(PushMessage::read(&sent.write()).unwrap(), sent);
        }

        #[test]
        fn audiences_come_back_as_they_were_sent(users in proptest::collection::vec("[^\\p{C}]{1,20}", 0..5), walk in proptest::option::of((0_u8..16, 0_u32..9)), after in proptest::option::of(Just("ann"))) {
            let users: Vec<_> = users.iter().filter_map(|user| UserId::parse(user)).collect();
            let people = match walk {
                None => People::Named { page: 7, users },
                Some((shard, page)) => People::Walk { shard, page, after: after.and_then(UserId::parse) },
            };
            let sent = AudienceMessage {
                network: NetworkId::parse("demo").unwrap(),
                event: EventId::parse("evt_1").unwrap(),
                people,
                repeated: walk.is_some(),
                resent: 0,
            };
            prop_assert_eq!(AudienceMessage::read(&sent.write()).unwrap(), sent);
        }

        #[test]
        fn no_body_makes_the_parsers_panic(body in ".{0,200}") {
            let _ = AudienceMessage::read(&body);
            let _ = PushMessage::read(&body);
        }
    }
}

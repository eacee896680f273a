//! The push that an event asks for: `push` in the event.

mod reader;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::device::UserId;
use super::event::{NotifiableEvent, find};
use super::message::{MAX_COLLAPSE_ID, MAX_TTL, Priority};
use super::preference::{Place, PlaceKind};
use super::settings::{ROLE_RULE, is_role};
use super::template::{MAX_BODY, MAX_TITLE};
use crate::event_type::EventType;
use crate::field::FieldError;
use reader::Reader;

/// Most people that one event may name.
pub const MAX_TARGETS: usize = 10_000;

/// Most bytes of a push as the producer wrote it: 10,000 ids of about 60 letters, and an event of
/// the largest size beside them, fit a message of SQS.
pub const MAX_BYTES: usize = 640 * 1024;

/// Most roles of the person who did it.
const MAX_SENDER_ROLES: usize = 100;

/// A push to be made of an event: for whom, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who may get it; the gates decide for each.
    pub audience: Audience,
    /// What they get.
    pub content: Content,
}

/// Who may get a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// These, each once, in the order given.
    Targets(Vec<UserId>),
    /// Everyone who subscribed to the content's channel or community. Fanfare knows no other
    /// members: who is in a place is the application's knowledge.
    Subscribers,
    /// Everyone of the network who has a device.
    Everyone,
}

impl Audience {
    /// The word in records and answers.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Targets(_) => "targets",
            Self::Subscribers => "subscribers",
            Self::Everyone => "everyone",
        }
    }
}

/// What a push is about, as its producer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// The notifiable event, when it is not named as the event itself.
    pub event: Option<EventType>,
    /// The channel or community that it comes from.
    pub place: Option<Place>,
    /// Who did it.
    pub sender: Option<UserId>,
    /// Their roles, for the role filter.
    pub sender_roles: Vec<String>,
    /// Values of the placeholders.
    pub params: BTreeMap<String, String>,
    /// Instead of the template.
    pub title: Option<String>,
    /// Instead of the template.
    pub body: Option<String>,
    /// For the application.
    pub data: BTreeMap<String, String>,
    /// See [`Push`](super::message::Push).
    pub badge: Option<u32>,
    /// See [`Push`](super::message::Push).
    pub sound: Option<String>,
    /// See [`Push`](super::message::Push).
    pub collapse_id: Option<String>,
    /// See [`Push`](super::message::Push).
    pub ttl: Option<Duration>,
    /// See [`Push`](super::message::Push).
    pub priority: Priority,
    /// See [`Push`](super::message::Push).
    pub silent: bool,
}

impl Request {
    /// Reads the `push` of an event of type `event`. Fields are named as in the event:
    /// `push.targetIds[3]`.
    ///
    /// # Errors
    /// All broken rules together.
    pub fn parse(json: &str, event: Option<&EventType>) -> Result<Self, Vec<FieldError>> {
        let mut read = Reader::new(json);
        let content = Content::read(&mut read);
        let audience = audience(&mut read, content.place.as_ref());
        content.check(event, &mut read);
        read.finish(audience.map(|audience| Self { audience, content }))
    }

    /// The JSON that [`parse`](Self::parse) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut fields = self.content.fields();
        match &self.audience {
            Audience::Targets(users) => {
                let ids = users.iter().map(|user| user.as_str().into()).collect();
                fields.insert("targetIds".to_owned(), Value::Array(ids));
            }
            Audience::Subscribers => {}
            Audience::Everyone => _ = fields.insert("broadcast".to_owned(), true.into()),
        }
        Value::Object(fields).to_string()
    }
}

fn audience(read: &mut Reader, place: Option<&Place>) -> Option<Audience> {
    let before = read.errors();
    let everyone = read.flag("broadcast");
    let targets = read.texts("targetIds", MAX_TARGETS, UserId::RULE, UserId::parse);
    if read.errors() > before {
        return None;
    }
    match (everyone, targets, place) {
        (true, None, None) => Some(Audience::Everyone),
        (true, ..) => {
            let message = "a broadcast names neither targetIds nor channelId nor communityId";
            read.broken("broadcast", "conflict", message);
            None
        }
        (false, Some(users), _) if users.is_empty() => {
            read.broken("targetIds", "count", "must name at least one user");
            None
        }
        (false, Some(users), _) => {
            let mut seen = std::collections::HashSet::new();
            let each = users.into_iter().filter(|user| seen.insert(user.clone()));
            Some(Audience::Targets(each.collect()))
        }
        (false, None, Some(_)) => Some(Audience::Subscribers),
        (false, None, None) => {
            let message = "name targetIds, channelId or communityId, or broadcast: true";
            read.broken("", "required", message);
            None
        }
    }
}

impl Content {
    /// The notifiable event it belongs to, when reported as `event`; `None` for the network's own.
    #[must_use]
    pub fn notifiable(&self, event: &EventType) -> Option<&'static NotifiableEvent> {
        find(self.event.as_ref().unwrap_or(event).as_str())
    }

    /// The name that the push goes by, when reported as `event`.
    #[must_use]
    pub fn name<'a>(&'a self, event: &'a EventType) -> &'a str {
        self.event.as_ref().unwrap_or(event).as_str()
    }

    /// Reads what [`to_json`](Self::to_json) writes; `None` for anything else.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let mut read = Reader::new(json);
        let content = Self::read(&mut read);
        read.finish(Some(content)).ok()
    }

    /// The content without its audience, as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::Object(self.fields()).to_string()
    }

    fn read(read: &mut Reader) -> Self {
        let channel = read.text("channelId", Place::RULE, |id| {
            Place::parse(PlaceKind::Channel, id)
        });
        let community = read.text("communityId", Place::RULE, |id| {
            Place::parse(PlaceKind::Community, id)
        });
        if channel.is_some() && community.is_some() {
            let message = "a push comes from a channel or a community, not both";
            read.broken("communityId", "conflict", message);
        }
        Self {
            event: read.text("event", EventType::RULE, EventType::parse),
            place: channel.or(community),
            sender: read.text("senderId", UserId::RULE, UserId::parse),
            sender_roles: read
                .texts("senderRoleIds", MAX_SENDER_ROLES, ROLE_RULE, |id| {
                    is_role(id).then(|| id.to_owned())
                })
                .unwrap_or_default(),
            params: read.map("params"),
            title: read.text("title", "must be 1 to 1000 characters", |text| {
                sized(text, MAX_TITLE)
            }),
            body: read.text("body", "must be 1 to 5000 characters", |text| {
                sized(text, MAX_BODY)
            }),
            data: read.map("data"),
            badge: read.number("badge", 0, 99_999),
            sound: read.text("sound", "must be 1 to 100 characters", |text| {
                sized(text, 100)
            }),
            collapse_id: read.text("collapseId", "must be 1 to 64 bytes", |text| {
                ((1..=MAX_COLLAPSE_ID).contains(&text.len())).then(|| text.to_owned())
            }),
            ttl: read
                .number("ttlSeconds", 0, MAX_TTL.as_secs())
                .map(|seconds| Duration::from_secs(u64::from(seconds))),
            priority: read
                .text("priority", "must be high or normal", Priority::parse)
                .unwrap_or_default(),
            silent: read.flag("silent"),
        }
    }

    /// The rules between fields.
    fn check(&self, event: Option<&EventType>, read: &mut Reader) {
        let Some(name) = self.event.as_ref().or(event) else {
            return;
        };
        match find(name.as_str()) {
            Some(notifiable) => {
                for param in self.params.keys() {
                    if !notifiable.parameters.contains(&param.as_str()) {
                        let known = notifiable.parameters.join(", ");
                        let message = format!("is no parameter of {name}; it has {known}");
                        read.broken(&format!("params.{param}"), "unknown", &message);
                    }
                }
            }
            None if self.body.is_none() && !self.silent => {
                let message = "is required, because the event is not one of the notifiable events and has no template";
                read.broken("body", "required", message);
            }
            None => {}
        }
    }

    fn fields(&self) -> Map<String, Value> {
        let texts = |map: &BTreeMap<String, String>| {
            (!map.is_empty()).then(|| {
                let pairs = map
                    .iter()
                    .map(|(name, text)| (name.clone(), text.as_str().into()));
                Value::Object(pairs.collect())
            })
        };
        let place = |kind| {
            let place = self.place.as_ref().filter(|place| place.kind == kind);
            place.map(|place| place.id().into())
        };
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        let fields = [
            (
                "event",
                self.event.as_ref().map(|event| event.as_str().into()),
            ),
            ("channelId", place(PlaceKind::Channel)),
            ("communityId", place(PlaceKind::Community)),
            (
                "senderId",
                self.sender.as_ref().map(|user| user.as_str().into()),
            ),
            (
                "senderRoleIds",
                (!self.sender_roles.is_empty()).then(|| self.sender_roles.clone().into()),
            ),
            ("params", texts(&self.params)),
            ("title", text(&self.title)),
            ("body", text(&self.body)),
            ("data", texts(&self.data)),
            ("badge", self.badge.map(Value::from)),
            ("sound", text(&self.sound)),
            ("collapseId", text(&self.collapse_id)),
            ("ttlSeconds", self.ttl.map(|ttl| ttl.as_secs().into())),
            (
                "priority",
                (self.priority != Priority::default()).then(|| self.priority.word().into()),
            ),
            ("silent", self.silent.then_some(Value::Bool(true))),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }
}

fn sized(text: &str, most: usize) -> Option<String> {
    (!text.is_empty() && text.chars().count() <= most).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;

//! The push that an event asks for: kept once, and begun as pages of people.

use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::event::{Event, MAX_BYTES};
use domain::event_type::EventType;
use domain::id::EventId;
use domain::matching::Subscribers;
use domain::operational::{News, PUSH_CREATED};
use domain::push::device::UserId;
use domain::push::message::Text;
use domain::push::render::render;
use domain::push::request::{Audience, Request};
use domain::push::settings::Settings;
use domain::time::Timestamp;
use queue::Outgoing;
use queue::message::write_news;
use queue::push::{AudienceMessage, People};
use serde_json::{Map, Value, json};
use store::{MAX_BATCH, SUBSCRIBER_SHARDS, StoredPush, USER_SHARDS};

use crate::Deps;

/// Most people named in the webhook that tells of a push: it is an event, and has an event's size.
const MAX_NAMED: usize = 1_000;

/// Keeps what the push is about, and makes the messages that begin it. Doing it again (`continued`)
/// changes nothing: what a page has done is recorded.
pub(crate) async fn begin(
    deps: &Deps,
    event: &Event,
    push: &Request,
    continued: bool,
) -> Result<Vec<Outgoing>, store::Error> {
    let targets = match &push.audience {
        Audience::Targets(users) => users.len(),
        Audience::Subscribers | Audience::Everyone => 0,
    };
    let stored = StoredPush {
        event_type: event.event_type.clone(),
        accepted: event.accepted,
        audience: push.audience.word().to_owned(),
        targets: u64::try_from(targets).unwrap_or(u64::MAX),
        content: push.content.clone(),
    };
    deps.store
        .put_push(&event.network, &event.id, &stored)
        .await?;
    let pages = pages(&push.audience).into_iter();
    let messages = pages.map(|people| {
        let message = AudienceMessage {
            network: event.network.clone(),
            event: event.id.clone(),
            people,
            repeated: continued,
            resent: 0,
        };
        Outgoing {
            body: message.write(),
            group: event.network.to_string(),
            delay: Duration::ZERO,
        }
    });
    Ok(messages.collect())
}

/// Named people in pages of one batch read; everybody else by partition.
fn pages(audience: &Audience) -> Vec<People> {
    let walk = |shards: u8| {
        let walks = (0..shards).map(|shard| People::Walk {
            shard,
            page: 0,
            after: None,
        });
        walks.collect()
    };
    match audience {
        Audience::Targets(users) => {
            let pages = users.chunks(MAX_BATCH).zip(0_u8..);
            let named = pages.map(|(users, page)| People::Named {
                page,
                users: users.to_vec(),
            });
            named.collect()
        }
        Audience::Subscribers => walk(SUBSCRIBER_SHARDS),
        Audience::Everyone => walk(USER_SHARDS),
    }
}

/// The webhook that tells of the push, if an endpoint asks for it by name.
pub(crate) async fn news(
    deps: &Deps,
    event: &Event,
    push: &Request,
    message_id: &str,
    (endpoints, now): (&Subscribers, Timestamp),
) -> Result<Option<Outgoing>, store::Error> {
    let name = EventType::parse(PUSH_CREATED);
    let mut asking = name.iter().flat_map(|name| endpoints.asking_for(name));
    if !asking.any(Endpoint::is_enabled) {
        return Ok(None);
    }
    let network = &event.network;
    let read = || async {
        let version = deps.store.push_settings(network).await?;
        Ok::<_, store::Error>(version.draft.check().ok())
    };
    let settings = deps.push_settings.get_or(network, now, read).await?;
    let told = told(event, push, settings.as_ref().as_ref());
    // The same for each receive of the event's message, so that it is told of once.
    let id = EventId::of_message(event.accepted, &format!("push {message_id}"));
    let body = |data: Value| {
        let news = News::push(PUSH_CREATED, data);
        write_news(network, &id, &news, event.accepted)
    };
    let whole = body(Value::Object(with_entities(event, &told)));
    Ok(Some(Outgoing {
        // What the event is about can be asked for by its id, if it does not fit.
        body: if whole.len() > MAX_BYTES {
            body(Value::Object(told))
        } else {
            whole
        },
        group: network.to_string(),
        delay: Duration::ZERO,
    }))
}

/// Fanfare's part of the envelope. Title and body are those of a phone without a language, none when
/// nothing is shown.
fn told(event: &Event, push: &Request, settings: Option<&Settings>) -> Map<String, Value> {
    let content = &push.content;
    let named = match &push.audience {
        Audience::Targets(users) => users.as_slice(),
        Audience::Subscribers | Audience::Everyone => &[],
    };
    let targets: Vec<_> = named.iter().take(MAX_NAMED).map(UserId::as_str).collect();
    let (title, body) = match settings {
        Some(settings) => {
            let kind = content.notifiable(&event.event_type);
            let shown = render(settings, kind, content, None);
            let text = |text: Option<Text>| text.map(|text| text.text);
            (text(shown.title), text(shown.body))
        }
        // Unreadable templates: the producer's own words are left.
        None => (content.title.clone(), content.body.clone()),
    };
    let fields = [
        ("eventName", json!(content.name(&event.event_type))),
        ("isBroadcast", json!(push.audience == Audience::Everyone)),
        ("targetIds", json!(targets)),
        ("targetCount", json!(named.len())),
        ("notify", json!(!content.silent)),
        ("title", json!(title)),
        ("body", json!(body)),
        ("params", json!(content.params)),
        (
            "senderId",
            json!(content.sender.as_ref().map(UserId::as_str)),
        ),
        ("eventId", json!(event.id.as_str())),
    ];
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// With what the event is about beside it, `messages`, `users` and the like.
fn with_entities(event: &Event, told: &Map<String, Value>) -> Map<String, Value> {
    let mut data: Map<String, Value> = serde_json::from_str(event.data.get()).unwrap_or_default();
    data.extend(told.clone());
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_people_come_in_pages_of_one_read() {
        let users = |count: usize| {
            let ids = (0..count).filter_map(|n| UserId::parse(&n.to_string()));
            Audience::Targets(ids.collect())
        };
        for (count, expected) in [(1, 1), (100, 1), (101, 2), (10_000, 100)] {
            assert_eq!(pages(&users(count)).len(), expected);
        }
        assert_eq!(pages(&Audience::Everyone).len(), 16);
        assert_eq!(pages(&Audience::Subscribers).len(), 4);
    }
}

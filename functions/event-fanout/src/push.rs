//! The push that an event asks for: kept once, and begun as pages of people.

use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::event::Event;
use domain::event_type::EventType;
use domain::id::EventId;
use domain::operational::{News, PUSH_CREATED};
use domain::push::device::UserId;
use domain::push::request::{Audience, Request};
use queue::Outgoing;
use queue::message::write_news;
use queue::push::{AudienceMessage, People};
use serde_json::json;
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
pub(crate) fn news(
    event: &Event,
    push: &Request,
    message_id: &str,
    endpoints: &[Endpoint],
) -> Option<Outgoing> {
    let wanted = EventType::parse(PUSH_CREATED)?;
    let mut asking = endpoints.iter().filter(|endpoint| endpoint.is_enabled());
    if !asking.any(|endpoint| endpoint.wants(&wanted)) {
        return None;
    }
    let content = &push.content;
    let named = match &push.audience {
        Audience::Targets(users) => users.as_slice(),
        Audience::Subscribers | Audience::Everyone => &[],
    };
    let shown: Vec<_> = named.iter().take(MAX_NAMED).map(UserId::as_str).collect();
    let data = json!({
        "eventName": content.name(&event.event_type),
        "isBroadcast": push.audience == Audience::Everyone,
        "targetIds": shown,
        "targetCount": named.len(),
        "notify": !content.silent,
        "title": content.title,
        "body": content.body,
        "params": content.params,
        "senderId": content.sender.as_ref().map(UserId::as_str),
        "eventId": event.id.as_str(),
    });
    // The same for each receive of the event's message, so that it is told of once.
    let id = EventId::of_message(event.accepted, &format!("push {message_id}"));
    let news = News::push(PUSH_CREATED, data);
    Some(Outgoing {
        body: write_news(&event.network, &id, &news, event.accepted),
        group: event.network.to_string(),
        delay: Duration::ZERO,
    })
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

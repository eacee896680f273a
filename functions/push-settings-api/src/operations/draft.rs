//! From a request to a draft, whose check names fields as the request does.

use domain::field::FieldError;
use domain::push::event::Module;
use domain::push::settings::{Draft, EventDraft, Key, TextsDraft};

use crate::shape::{LocKey, PushTexts, PutPushEvent, PutPushSettings};

/// The draft, and the modules that there are not.
pub(super) fn draft(request: PutPushSettings, enabled: Option<bool>) -> (Draft, Vec<FieldError>) {
    let unknown = request.modules.keys();
    let unknown = unknown.filter(|word| Module::parse(word).is_none());
    let errors = unknown.map(|word| {
        let rule = "must be chat, social or video-streaming";
        FieldError::new(format!("modules.{word}"), "unknown", rule)
    });
    let errors = errors.collect();
    let off = request.modules.into_iter();
    let off = off.filter(|(word, on)| !on && Module::parse(word).is_some());
    let draft = Draft {
        enabled: request.enabled.or(enabled),
        modules_off: off.map(|(word, _)| word).collect(),
        throttle: request.throttle.map(|rate| (rate.pushes, rate.per_seconds)),
        events: request.events.into_iter().map(event).collect(),
    };
    (draft, errors)
}

fn event(event: PutPushEvent) -> EventDraft {
    let locales = event.locales.into_iter();
    EventDraft {
        name: event.name,
        enabled: event.enabled,
        intended: event.intended,
        title: event.title_template,
        body: event.body_template,
        locales: locales
            .map(|(tag, written)| (tag, texts(written)))
            .collect(),
        title_key: event.title_loc_key.map(key),
        body_key: event.body_loc_key.map(key),
        listen_from: event.listen_from_role_ids,
        ignore_from: event.ignore_from_role_ids,
    }
}

fn texts(texts: PushTexts) -> TextsDraft {
    TextsDraft {
        title: texts.title_template,
        body: texts.body_template,
    }
}

fn key(LocKey { key, args }: LocKey) -> Key {
    Key { key, args }
}

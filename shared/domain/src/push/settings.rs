//! What a network's administrators decide about its pushes.

mod terse;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::device::Locale;
use super::event::{EVENTS, Module, NotifiableEvent, find};
use super::template::{Invalid, Template};
use super::throttle::Rate;
use crate::field::FieldError;

/// Most roles in one list. Source: social.plus, `listenFromRoleIds`.
pub const MAX_ROLES: usize = 10;

/// Most languages of one event.
pub const MAX_LOCALES: usize = 50;

/// Most characters of a translation key.
pub const MAX_KEY: usize = 256;

/// A network's settings. What nobody has changed is as [`EVENTS`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The master toggle: off, nothing is sent, not even what is queued.
    pub enabled: bool,
    /// Modules that are switched off as a whole.
    pub modules_off: BTreeSet<Module>,
    /// How many pushes of one event a person gets before they are collapsed.
    pub throttle: Rate,
    /// By the event's name; an event that is not here is as [`EVENTS`] says.
    events: BTreeMap<&'static str, EventSettings>,
}

/// What is decided about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSettings {
    /// Off, the event makes no push.
    pub enabled: bool,
    /// Whether the network means to have it on: enabled of intended is the coverage.
    pub intended: bool,
    /// For devices whose language has no texts of its own.
    pub texts: Texts,
    /// Texts by language.
    pub locales: BTreeMap<Locale, Texts>,
    /// Translated by the application: `title-loc-key`.
    pub title_key: Option<Key>,
    /// Translated by the application: `loc-key`, `body_loc_key`.
    pub body_key: Option<Key>,
    /// When not empty, only doings of people with one of these roles are told.
    pub listen_from: Vec<String>,
    /// Doings of people with one of these roles are not told.
    pub ignore_from: Vec<String>,
}

/// A title and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// May be empty: then there is no title.
    pub title: Template,
    /// Never empty.
    pub body: Template,
}

/// A key of the application's own strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Key {
    /// 1 to [`MAX_KEY`] characters, e.g. `NEW_MESSAGE`.
    pub key: String,
    /// Parameters whose values are handed over, in the order of the string's placeholders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// Settings as they are written down: every text not yet checked, everything at its default left
/// out. The table keeps them in this form, so that a later version of the checks judges them anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draft {
    /// The master toggle; on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Names of modules that are off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules_off: Vec<String>,
    /// Pushes and seconds; 10 in 60 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<(u32, u32)>,
    /// Events that differ from [`EVENTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventDraft>,
}

/// One event of a [`Draft`]; what is absent is as [`EVENTS`] says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `EventSettings`")]
pub struct EventDraft {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub locales: BTreeMap<String, TextsDraft>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_key: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_key: Option<Key>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listen_from: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_from: Vec<String>,
}

/// The texts of one language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Texts`")]
pub struct TextsDraft {
    #[serde(default)]
    pub title: String,
    pub body: String,
}

impl Default for Settings {
    /// Of a network that never changed any: everything is on.
    fn default() -> Self {
        Self {
            enabled: true,
            modules_off: BTreeSet::new(),
            throttle: Rate::default(),
            events: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// What is decided about `event`.
    #[must_use]
    pub fn event(&self, event: &'static NotifiableEvent) -> EventSettings {
        let changed = self.events.get(event.name).cloned();
        changed.unwrap_or_else(|| EventSettings::unchanged(event))
    }

    /// How many events are intended, and how many of those can be sent.
    #[must_use]
    pub fn coverage(&self) -> (usize, usize) {
        let intended: Vec<_> = EVENTS
            .iter()
            .filter(|event| self.event(event).intended)
            .collect();
        let enabled = intended.iter().filter(|event| {
            self.enabled && !self.modules_off.contains(&event.module) && self.event(event).enabled
        });
        (intended.len(), enabled.count())
    }
}

impl EventSettings {
    fn unchanged(event: &NotifiableEvent) -> Self {
        // The table's texts are templates of their own parameters; a test parses each.
        let texts = Texts {
            title: Template::title(event.title, event.parameters).unwrap_or_default(),
            body: Template::body(event.body, event.parameters).unwrap_or_default(),
        };
        Self {
            enabled: true,
            intended: event.intended,
            texts,
            locales: BTreeMap::new(),
            title_key: None,
            body_key: None,
            listen_from: Vec::new(),
            ignore_from: Vec::new(),
        }
    }

    /// The texts for a device of this language: its own, those of a wider tag, or the default.
    #[must_use]
    pub fn texts_for(&self, locale: Option<&Locale>) -> &Texts {
        let wider = locale.into_iter().flat_map(Locale::wider);
        let own = wider.filter_map(|tag| {
            self.locales
                .iter()
                .find(|(known, _)| known.as_str() == tag)
                .map(|(_, texts)| texts)
        });
        own.into_iter().next().unwrap_or(&self.texts)
    }
}

impl Draft {
    /// Checks every field.
    ///
    /// # Errors
    /// All broken rules together.
    pub fn check(&self) -> Result<Settings, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut settings = Settings {
            enabled: self.enabled.unwrap_or(true),
            ..Settings::default()
        };
        for (index, word) in self.modules_off.iter().enumerate() {
            match Module::parse(word) {
                Some(module) => _ = settings.modules_off.insert(module),
                None => errors.push(FieldError::new(
                    format!("modulesOff[{index}]"),
                    "unknown",
                    "must be chat, social or video-streaming",
                )),
            }
        }
        if let Some((pushes, seconds)) = self.throttle {
            if !(1..=86_400).contains(&seconds) {
                let message = "must be 1 to 86400 seconds";
                errors.push(FieldError::new("throttle.perSeconds", "range", message));
            }
            if pushes > 10_000 {
                let message = "must be 0 to 10000; 0 throttles nothing";
                errors.push(FieldError::new("throttle.pushes", "range", message));
            }
            settings.throttle = Rate {
                pushes,
                per: Duration::from_secs(u64::from(seconds)),
            };
        }
        for (index, draft) in self.events.iter().enumerate() {
            let at = format!("events[{index}]");
            let Some(event) = find(&draft.name) else {
                let message = "is no notifiable event";
                errors.push(FieldError::new(format!("{at}.name"), "unknown", message));
                continue;
            };
            let checked = draft.check(&at, event, &mut errors);
            if settings.events.insert(event.name, checked).is_some() {
                let message = "names an event a second time";
                errors.push(FieldError::new(format!("{at}.name"), "duplicate", message));
            }
        }
        if errors.is_empty() {
            Ok(settings)
        } else {
            Err(errors)
        }
    }
}

impl EventDraft {
    fn check(
        &self,
        at: &str,
        event: &NotifiableEvent,
        errors: &mut Vec<FieldError>,
    ) -> EventSettings {
        let mut checked = EventSettings::unchanged(event);
        checked.enabled = self.enabled.unwrap_or(checked.enabled);
        checked.intended = self.intended.unwrap_or(checked.intended);
        if let Some(title) = &self.title {
            let field = format!("{at}.titleTemplate");
            let parsed = Template::title(title, event.parameters);
            checked.texts.title = taken(field, parsed, errors);
        }
        if let Some(body) = &self.body {
            checked.texts.body = body_of(format!("{at}.bodyTemplate"), body, event, errors);
        }
        if self.locales.len() > MAX_LOCALES {
            let message = format!("must hold at most {MAX_LOCALES} languages");
            errors.push(FieldError::new(format!("{at}.locales"), "count", message));
        }
        for (tag, texts) in &self.locales {
            let at = format!("{at}.locales.{tag}");
            let title = Template::title(&texts.title, event.parameters);
            let texts = Texts {
                title: taken(format!("{at}.titleTemplate"), title, errors),
                body: body_of(format!("{at}.bodyTemplate"), &texts.body, event, errors),
            };
            match Locale::parse(tag) {
                Some(locale) => _ = checked.locales.insert(locale, texts),
                None => errors.push(FieldError::new(at, "format", Locale::RULE)),
            }
        }
        let mut key = |field: &str, key: &Option<Key>| {
            let key = key.clone()?;
            key.check(&format!("{at}.{field}"), event, errors);
            Some(key)
        };
        checked.title_key = key("titleLocKey", &self.title_key);
        checked.body_key = key("bodyLocKey", &self.body_key);
        checked.listen_from = roles(
            &format!("{at}.listenFromRoleIds"),
            &self.listen_from,
            errors,
        );
        checked.ignore_from = roles(
            &format!("{at}.ignoreFromRoleIds"),
            &self.ignore_from,
            errors,
        );
        checked
    }
}

impl Key {
    fn check(&self, at: &str, event: &NotifiableEvent, errors: &mut Vec<FieldError>) {
        let good = (1..=MAX_KEY).contains(&self.key.chars().count())
            && !self.key.chars().any(char::is_control);
        if !good {
            let message = format!("must be 1 to {MAX_KEY} characters");
            errors.push(FieldError::new(format!("{at}.key"), "format", message));
        }
        for (index, name) in self.args.iter().enumerate() {
            if !event.parameters.contains(&name.as_str()) {
                let message = format!("must be one of {}", event.parameters.join(", "));
                let field = format!("{at}.args[{index}]");
                errors.push(FieldError::new(field, "placeholder", message));
            }
        }
    }
}

fn taken(
    field: String,
    parsed: Result<Template, Invalid>,
    errors: &mut Vec<FieldError>,
) -> Template {
    parsed.unwrap_or_else(|invalid| {
        errors.push(FieldError::new(field, invalid.rule(), invalid.to_string()));
        Template::default()
    })
}

fn body_of(
    field: String,
    text: &str,
    event: &NotifiableEvent,
    errors: &mut Vec<FieldError>,
) -> Template {
    // The console's editor refuses an empty text too.
    if text.trim().is_empty() {
        errors.push(FieldError::new(field, "required", "must not be empty"));
        return Template::default();
    }
    taken(field, Template::body(text, event.parameters), errors)
}

fn roles(field: &str, ids: &[String], errors: &mut Vec<FieldError>) -> Vec<String> {
    if ids.len() > MAX_ROLES {
        let message = format!("must hold at most {MAX_ROLES} roles");
        errors.push(FieldError::new(field, "count", message));
    }
    for (index, id) in ids.iter().enumerate() {
        if !is_role(id) {
            let field = format!("{field}[{index}]");
            errors.push(FieldError::new(field, "format", ROLE_RULE));
        }
    }
    ids.to_vec()
}

/// What [`is_role`] accepts, as the message of a field error.
pub(crate) const ROLE_RULE: &str = "must be 1 to 128 characters without control characters";

pub(crate) fn is_role(id: &str) -> bool {
    (1..=128).contains(&id.chars().count()) && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(json: serde_json::Value) -> Draft {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn every_broken_rule_of_a_document_is_named_at_once() {
        let broken = draft(serde_json::json!({
            "modulesOff": ["chat", "story"],
            "throttle": [20_000, 0],
            "events": [
                { "name": "post.created", "title": "{message}", "body": " ", "listenFrom": vec!["r"; 11], "bodyKey": { "key": "", "args": ["post", "nope"] } },
                { "name": "nothing.happened" },
                { "name": "post.reacted", "locales": { "deutsch_": { "title": "", "body": "{x" } } },
                { "name": "post.created" },
            ]
        }));
        let errors = broken.check().unwrap_err();
        let told: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.rule)).collect();
        assert_eq!(
            told,
            [
                ("modulesOff[1]", "unknown"),
                ("throttle.perSeconds", "range"),
                ("throttle.pushes", "range"),
                ("events[0].titleTemplate", "placeholder"),
                ("events[0].bodyTemplate", "required"),
                ("events[0].bodyLocKey.key", "format"),
                ("events[0].bodyLocKey.args[1]", "placeholder"),
                ("events[0].listenFromRoleIds", "count"),
                ("events[1].name", "unknown"),
                ("events[2].locales.deutsch_.bodyTemplate", "brace"),
                ("events[2].locales.deutsch_", "format"),
                ("events[3].name", "duplicate"),
            ]
        );
    }

    #[test]
    fn what_is_not_written_is_as_the_table_says() {
        let settings = draft(serde_json::json!({
            "modulesOff": ["chat"],
            "events": [
                { "name": "post.created", "enabled": false, "locales": { "pt": { "body": "oi" } } },
                { "name": "story.created", "intended": false },
            ]
        }))
        .check()
        .unwrap();
        assert_eq!(settings.coverage(), (37, 37 - 12 - 1));
        let post = settings.event(find("post.created").unwrap());
        assert_eq!(post.texts.title.as_str(), "{community}");
        let body = |tag: &str| {
            let locale = Locale::parse(tag);
            post.texts_for(locale.as_ref()).body.as_str().to_owned()
        };
        assert_eq!(body("pt_BR"), "oi");
        assert!(body("de").starts_with("{sender}"));
        assert_eq!(Settings::default().coverage(), (38, 38));
        assert_eq!(Draft::default().check().unwrap(), Settings::default());
    }
}

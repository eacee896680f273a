//! The shortest draft that says the same.

use super::{Draft, EventDraft};
use crate::push::event::{EVENTS, find};
use crate::push::throttle::Rate;

impl Draft {
    /// Leaves out what is at its default and brings the rest into one order, so that equal settings
    /// are equal drafts, and a text that nobody changed follows [`EVENTS`].
    #[must_use]
    pub fn terse(mut self) -> Self {
        self.enabled = self.enabled.filter(|on| !on);
        self.modules_off.sort();
        self.modules_off.dedup();
        let usual = Rate::default();
        self.throttle = self.throttle.filter(|(pushes, seconds)| {
            (*pushes, u64::from(*seconds)) != (usual.pushes, usual.per.as_secs())
        });
        let events = self.events.into_iter().map(EventDraft::terse);
        self.events = events.filter(|event| !event.says_nothing()).collect();
        let place = |event: &EventDraft| EVENTS.iter().position(|known| known.name == event.name);
        self.events.sort_by_key(place);
        self
    }
}

impl EventDraft {
    fn terse(mut self) -> Self {
        let Some(event) = find(&self.name) else {
            return self;
        };
        self.enabled = self.enabled.filter(|on| !on);
        self.intended = self.intended.filter(|on| *on != event.intended);
        self.title = self.title.filter(|title| title != event.title);
        self.body = self.body.filter(|body| body != event.body);
        self
    }

    fn says_nothing(&self) -> bool {
        let nothing = Self {
            name: self.name.clone(),
            ..Self::default()
        };
        *self == nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(json: serde_json::Value) -> Draft {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_terse_draft_says_the_same_in_one_order() {
        let long = draft(serde_json::json!({
            "enabled": true,
            "modulesOff": ["social", "chat", "chat"],
            "throttle": [10, 60],
            "events": [
                { "name": "post.reacted", "enabled": true, "title": "", "body": "{sender} liked it" },
                { "name": "post.created", "enabled": true, "intended": true, "title": "{community}", "body": "{sender} created new post in your community." },
                { "name": "channel.created", "enabled": false },
            ]
        }));
        let terse = long.clone().terse();
        assert_eq!(
            terse,
            draft(serde_json::json!({
                "modulesOff": ["chat", "social"],
                "events": [
                    { "name": "channel.created", "enabled": false },
                    { "name": "post.reacted", "body": "{sender} liked it" },
                ]
            }))
        );
        let (before, after) = (long.check().unwrap(), terse.check().unwrap());
        for event in EVENTS {
            assert_eq!(before.event(event), after.event(event), "{}", event.name);
        }
        assert_eq!(terse.clone().terse(), terse);
        let off = draft(serde_json::json!({ "enabled": false, "throttle": [0, 60] }));
        assert_eq!(off.clone().terse(), off);
    }
}

//! What people decide about the pushes they get.

use std::collections::{BTreeMap, BTreeSet};

use super::device::{Device, UserId, digest};
use super::event::{EVENTS, Module, NotifiableEvent, find};

/// Most channels and communities together that one user can hold preferences for: they ride in the
/// user's record, which is read for every push.
pub const MAX_PLACES: usize = 1000;

/// Channel or community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaceKind {
    /// Of messages.
    Channel,
    /// Of posts, comments, stories and streams.
    Community,
}

impl PlaceKind {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Community => "community",
        }
    }

    /// The exact reverse of [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Channel, Self::Community]
            .into_iter()
            .find(|kind| kind.word() == word)
    }

    /// The events that a person can turn off for one such place.
    pub fn events(self) -> impl Iterator<Item = &'static NotifiableEvent> {
        EVENTS.iter().filter(move |event| match self {
            Self::Channel => event.module == Module::Chat,
            Self::Community => event.module != Module::Chat,
        })
    }
}

/// One channel or community.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which of the two.
    pub kind: PlaceKind,
    id: String,
}

impl Place {
    /// What [`parse`](Self::parse) accepts, as the message of a field error. Source: social.plus,
    /// `channelId` and `communityId`.
    pub const RULE: &'static str = "must be 1 to 900 characters without control characters";

    /// `None` when the id breaks [`RULE`](Self::RULE).
    #[must_use]
    pub fn parse(kind: PlaceKind, id: &str) -> Option<Self> {
        let good = (1..=900).contains(&id.chars().count()) && !id.chars().any(char::is_control);
        good.then(|| Self {
            kind,
            id: id.to_owned(),
        })
    }

    /// Exactly as it was parsed.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Stands for the place in keys and records: `c` or `m` and 26 letters and digits.
    #[must_use]
    pub fn key(&self) -> String {
        let kind = match self.kind {
            PlaceKind::Channel => 'c',
            PlaceKind::Community => 'm',
        };
        format!("{kind}{}", digest(&self.id))
    }
}

/// Whether a place tells those in it. A place has one, and each person has one for the place.
/// Source: social.plus, `notificationMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mode {
    /// Of a place: everyone is told. Of a person: as the place says.
    #[default]
    Default,
    /// Of a place: nobody is told. Of a person: they are not.
    Silent,
    /// Of a place: those are told who subscribed. Of a person: they did.
    Subscribe,
}

impl Mode {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Silent => "silent",
            Self::Subscribe => "subscribe",
        }
    }

    /// The exact reverse of [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Default, Self::Silent, Self::Subscribe]
            .into_iter()
            .find(|mode| mode.word() == word)
    }
}

/// What one person decided about one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlacePreference {
    /// Of this person, for this place.
    pub mode: Mode,
    /// Names of events that they do not want from it.
    pub events_off: BTreeSet<&'static str>,
}

impl PlacePreference {
    /// One word, e.g. `subscribe` or `default -message.created`: the form that is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.mode.word().to_owned();
        for name in &self.events_off {
            text.push_str(" -");
            text.push_str(name);
        }
        text
    }

    /// Reads what [`to_text`](Self::to_text) writes; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mode = Mode::parse(words.next()?)?;
        let events_off = words
            .map(|word| Some(find(word.strip_prefix('-')?)?.name))
            .collect::<Option<_>>()?;
        Some(Self { mode, events_off })
    }
}

/// What one person decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// They want no push at all.
    pub off: bool,
    /// Modules that they want nothing of.
    pub modules_off: BTreeSet<Module>,
    /// By [`Place::key`]; places where everything is at its default are not here.
    pub places: BTreeMap<String, PlacePreference>,
}

impl Preferences {
    /// What they decided about `place`.
    #[must_use]
    pub fn place(&self, place: &Place) -> PlacePreference {
        self.places.get(&place.key()).cloned().unwrap_or_default()
    }

    /// Replaces what they decided about `place`. `false` when that would be more than
    /// [`MAX_PLACES`].
    #[must_use]
    pub fn set_place(&mut self, place: &Place, decided: PlacePreference) -> bool {
        let key = place.key();
        if decided == PlacePreference::default() {
            self.places.remove(&key);
            return true;
        }
        let room = self.places.contains_key(&key) || self.places.len() < MAX_PLACES;
        if room {
            self.places.insert(key, decided);
        }
        room
    }
}

/// A person that a push may reach. Somebody Fanfare was never told of has no devices and default
/// preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The application's name for them.
    pub user: UserId,
    /// Oldest registration first.
    pub devices: Vec<Device>,
    /// Default when they decided nothing.
    pub preferences: Preferences,
}

impl Recipient {
    /// Somebody of whom nothing is stored.
    #[must_use]
    pub fn unknown(user: UserId) -> Self {
        Self {
            user,
            devices: Vec::new(),
            preferences: Preferences::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_one_text_and_defaults_take_no_room() {
        let place = Place::parse(PlaceKind::Channel, "general").unwrap();
        let other = Place::parse(PlaceKind::Community, "general").unwrap();
        let decided = PlacePreference {
            mode: Mode::Silent,
            events_off: ["message.created", "channel.joined"].into(),
        };
        assert_eq!(decided.to_text(), "silent -channel.joined -message.created");
        assert_eq!(
            PlacePreference::parse(&decided.to_text()),
            Some(decided.clone())
        );
        for text in ["", "loud", "default message.created", "default -nothing"] {
            assert_eq!(PlacePreference::parse(text), None, "{text}");
        }
        let mut preferences = Preferences::default();
        assert!(preferences.set_place(&place, decided.clone()));
        assert_eq!(preferences.place(&place), decided);
        assert_eq!(preferences.place(&other), PlacePreference::default());
        assert!(preferences.set_place(&place, PlacePreference::default()));
        assert_eq!(preferences, Preferences::default());
        for n in 0..MAX_PLACES {
            let place = Place::parse(PlaceKind::Channel, &n.to_string()).unwrap();
            assert!(preferences.set_place(&place, decided.clone()));
        }
        assert!(!preferences.set_place(&other, decided));
    }
}

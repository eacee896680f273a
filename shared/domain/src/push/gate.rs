//! The gates that a push must pass, asked in this order: master, event, module, user, place, role,
//! device, credential. The answer is a trail that says for each gate what was decided and by which
//! setting; what is recorded and what is explained are this same trail.

use super::device::{Device, UserId};
use super::event::NotifiableEvent;
use super::preference::{Mode, Place, Recipient};
use super::settings::Settings;

/// One question that a push is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Does the network send pushes at all?
    Master,
    /// Does this event make pushes?
    Event,
    /// Is the event's module on?
    Module,
    /// Does the person want pushes, and of this module?
    User,
    /// Do the channel or community and the person's wishes for it allow it?
    Place,
    /// Is the person who did it one whose doings are told?
    Role,
    /// Has the person a device?
    Device,
    /// Is there an active credential that reaches the device?
    Credential,
}

impl Gate {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Master,
        Self::Event,
        Self::Module,
        Self::User,
        Self::Place,
        Self::Role,
        Self::Device,
        Self::Credential,
    ];

    /// The word in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Event => "event",
            Self::Module => "module",
            Self::User => "user",
            Self::Place => "place",
            Self::Role => "role",
            Self::Device => "device",
            Self::Credential => "credential",
        }
    }
}

macro_rules! grounds {
    ($($(#[$doc:meta])* $name:ident = $word:literal $gate:ident $verdict:ident, $setting:literal, $say:literal;)+) => {
        /// Why a gate let a push pass or stopped it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each has its own sentence, see `explanation`")]
        pub enum Ground { $($(#[$doc])* $name),+ }

        impl Ground {
            /// Every ground there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in records and answers.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// The gate that it belongs to.
            #[must_use]
            pub fn gate(self) -> Gate {
                match self { $(Self::$name => Gate::$gate),+ }
            }

            /// Whether the push goes no further.
            #[must_use]
            pub fn stops(self) -> bool {
                match self { $(Self::$name => grounds!(@ $verdict)),+ }
            }

            /// What decided it: a path of the API and a field there.
            #[must_use]
            pub fn setting(self) -> &'static str {
                match self { $(Self::$name => $setting),+ }
            }

            /// The decision in words.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $say),+ }
            }
        }
    };
    (@ passes) => { false };
    (@ stops) => { true };
}

grounds! {
    MasterOn = "master_on" Master passes, "push-settings: enabled", "the network's pushes are on";
    MasterOff = "master_off" Master stops, "push-settings: enabled", "the network's pushes are off";
    EventOn = "event_on" Event passes, "push-settings: events[].enabled", "the event is on";
    EventOff = "event_off" Event stops, "push-settings: events[].enabled", "the event is off";
    EventCustom = "event_custom" Event passes, "none", "the event is the network's own; no setting turns it off";
    ModuleOn = "module_on" Module passes, "push-settings: modules", "the event's module is on";
    ModuleOff = "module_off" Module stops, "push-settings: modules", "the event's module is off";
    ModuleNone = "module_none" Module passes, "none", "the event is the network's own and of no module";
    UserOn = "user_on" User passes, "users/{userId}/push-settings: modules", "the user wants pushes of this module";
    UserOff = "user_off" User stops, "users/{userId}/push-settings: enabled", "the user wants no pushes";
    UserModuleOff = "user_module_off" User stops, "users/{userId}/push-settings: modules", "the user wants no pushes of this module";
    UserIsSender = "user_is_sender" User stops, "event: push.senderId", "the user did it and is not told of it";
    PlaceNone = "place_none" Place passes, "none", "the push names neither channel nor community";
    PlaceOpen = "place_open" Place passes, "push-settings of the channel or community: mode", "the channel or community tells everyone";
    PlaceSubscribed = "place_subscribed" Place passes, "push-settings of the user for the channel or community: mode", "the user subscribed to the channel or community";
    PlaceSilent = "place_silent" Place stops, "push-settings of the channel or community: mode", "the channel or community is silent";
    PlaceNotSubscribed = "place_not_subscribed" Place stops, "push-settings of the user for the channel or community: mode", "only subscribers are told, and the user did not subscribe";
    PlaceMuted = "place_muted" Place stops, "push-settings of the user for the channel or community: mode", "the user muted the channel or community";
    PlaceEventOff = "place_event_off" Place stops, "push-settings of the user for the channel or community: events", "the user does not want this event from the channel or community";
    RoleAny = "role_any" Role passes, "push-settings: events[].listenFromRoleIds", "whoever did it is told of";
    RoleListened = "role_listened" Role passes, "push-settings: events[].listenFromRoleIds", "the sender has a role that is listened to";
    RoleNotListened = "role_not_listened" Role stops, "push-settings: events[].listenFromRoleIds", "the sender has no role that is listened to";
    RoleIgnored = "role_ignored" Role stops, "push-settings: events[].ignoreFromRoleIds", "the sender has a role that is ignored";
    DeviceFound = "device_found" Device passes, "users/{userId}/devices", "the user has a device";
    DeviceNone = "device_none" Device stops, "users/{userId}/devices", "the user has no device";
    DeviceGone = "device_gone" Device stops, "users/{userId}/devices", "the device was removed, or has become another user's, before the push could be sent";
    CredentialActive = "credential_active" Credential passes, "certificates", "an active credential reaches the device";
    CredentialPaused = "credential_paused" Credential passes, "certificates", "the active credential is faulty; the push is held until a good one is activated";
    CredentialNone = "credential_none" Credential stops, "certificates", "no active credential reaches the device";
}

impl Ground {
    /// The exact reverse of [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|ground| ground.word() == word)
    }
}

/// What the gates decided so far, in their order; a stop is the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail(Vec<Ground>);

impl Trail {
    /// The grounds, one per gate that was asked.
    #[must_use]
    pub fn grounds(&self) -> &[Ground] {
        &self.0
    }

    /// What stopped the push, if anything did.
    #[must_use]
    pub fn stop(&self) -> Option<Ground> {
        self.0.last().copied().filter(|ground| ground.stops())
    }

    /// This trail and what one more gate decided.
    #[must_use]
    pub fn and(&self, ground: Ground) -> Self {
        let mut grounds = self.0.clone();
        grounds.push(ground);
        Self(grounds)
    }

    /// This trail up to a gate, with what that gate decides anew.
    #[must_use]
    pub fn revised(&self, ground: Ground) -> Self {
        let before = self.0.iter().copied();
        let before = before.filter(|other| other.gate() < ground.gate());
        Self(before.chain([ground]).collect())
    }

    /// Words with spaces between, as records keep it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|ground| ground.word()).collect();
        words.join(" ")
    }

    /// Reads what [`to_text`](Self::to_text) writes; `None` for an unknown word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words = text.split(' ').filter(|word| !word.is_empty());
        words.map(Ground::parse).collect::<Option<_>>().map(Self)
    }
}

/// Whether a device can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// One is active and good.
    Active,
    /// One is active, and its provider refuses it: pushes wait for a better one.
    Paused,
    /// None is active.
    None,
}

/// What a push is about: everything the gates ask that does not depend on the person.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Of the network.
    pub settings: &'a Settings,
    /// `None` when the event is the network's own.
    pub event: Option<&'static NotifiableEvent>,
    /// The channel or community, and its mode.
    pub place: Option<(&'a Place, Mode)>,
    /// Not told of their own doing. `None` when the producer named each person to be told.
    pub not_told: Option<&'a UserId>,
    /// Of the person who did it.
    pub sender_roles: &'a [String],
}

/// What the gates decided for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Up to the device gate. If it stops, there are no devices.
    pub trail: Trail,
    /// Each device, with what the credential gate decided for it.
    pub devices: Vec<(Device, Ground)>,
}

/// Asks every gate for one person.
#[must_use]
pub fn decide(
    question: &Question<'_>,
    recipient: &Recipient,
    credential: impl Fn(&Device) -> Credential,
) -> Decision {
    let gates: [&dyn Fn() -> Ground; 7] = [
        &|| master(question),
        &|| event(question),
        &|| module(question),
        &|| user(question, recipient),
        &|| place(question, recipient),
        &|| role(question),
        &|| {
            if recipient.devices.is_empty() {
                Ground::DeviceNone
            } else {
                Ground::DeviceFound
            }
        },
    ];
    let mut trail = Trail::default();
    for gate in gates {
        trail = trail.and(gate());
        if trail.stop().is_some() {
            return Decision {
                trail,
                devices: Vec::new(),
            };
        }
    }
    let reached = recipient.devices.iter().map(|device| {
        let ground = match credential(device) {
            Credential::Active => Ground::CredentialActive,
            Credential::Paused => Ground::CredentialPaused,
            Credential::None => Ground::CredentialNone,
        };
        (device.clone(), ground)
    });
    Decision {
        trail,
        devices: reached.collect(),
    }
}

fn master(question: &Question<'_>) -> Ground {
    if question.settings.enabled {
        Ground::MasterOn
    } else {
        Ground::MasterOff
    }
}

fn event(question: &Question<'_>) -> Ground {
    match question.event {
        None => Ground::EventCustom,
        Some(event) if question.settings.event(event).enabled => Ground::EventOn,
        Some(_) => Ground::EventOff,
    }
}

fn module(question: &Question<'_>) -> Ground {
    match question.event {
        None => Ground::ModuleNone,
        Some(event) if question.settings.modules_off.contains(&event.module) => Ground::ModuleOff,
        Some(_) => Ground::ModuleOn,
    }
}

fn user(question: &Question<'_>, recipient: &Recipient) -> Ground {
    let wishes = &recipient.preferences;
    if wishes.off {
        return Ground::UserOff;
    }
    let unwanted = |event: &NotifiableEvent| wishes.modules_off.contains(&event.module);
    if question.event.is_some_and(unwanted) {
        return Ground::UserModuleOff;
    }
    if question.not_told == Some(&recipient.user) {
        return Ground::UserIsSender;
    }
    Ground::UserOn
}

fn place(question: &Question<'_>, recipient: &Recipient) -> Ground {
    let Some((place, mode)) = question.place else {
        return Ground::PlaceNone;
    };
    let wishes = recipient.preferences.place(place);
    let allowed = match (mode, wishes.mode) {
        (Mode::Silent, _) => Ground::PlaceSilent,
        (_, Mode::Silent) => Ground::PlaceMuted,
        (_, Mode::Subscribe) => Ground::PlaceSubscribed,
        (Mode::Subscribe, Mode::Default) => Ground::PlaceNotSubscribed,
        (Mode::Default, Mode::Default) => Ground::PlaceOpen,
    };
    let unwanted = |event: &NotifiableEvent| wishes.events_off.contains(event.name);
    if !allowed.stops() && question.event.is_some_and(unwanted) {
        return Ground::PlaceEventOff;
    }
    allowed
}

fn role(question: &Question<'_>) -> Ground {
    let Some(event) = question.event else {
        return Ground::RoleAny;
    };
    let settings = question.settings.event(event);
    let has = |role: &String| question.sender_roles.contains(role);
    if settings.ignore_from.iter().any(has) {
        return Ground::RoleIgnored;
    }
    match settings.listen_from.is_empty() {
        true => Ground::RoleAny,
        false if settings.listen_from.iter().any(has) => Ground::RoleListened,
        false => Ground::RoleNotListened,
    }
}

#[cfg(test)]
mod tests;

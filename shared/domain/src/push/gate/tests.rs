use super::*;
use crate::credential::{Platform, Provider};
use crate::push::device::{DeviceId, Token, slot};
use crate::push::event::{Module, find};
use crate::push::preference::{PlaceKind, PlacePreference};
use crate::push::settings::Draft;
use crate::time::Timestamp;
use proptest::prelude::*;

/// One world: what is set, and by whom.
#[derive(Debug, Clone)]
struct World {
    settings: serde_json::Value,
    event: &'static str,
    place: Option<Mode>,
    wish: &'static str,
    user_off: bool,
    module_off: bool,
    sender: bool,
    roles: Vec<&'static str>,
    devices: usize,
    credential: Credential,
}

fn open() -> World {
    World {
        settings: serde_json::json!({}),
        event: "post.created",
        place: None,
        wish: "default",
        user_off: false,
        module_off: false,
        sender: false,
        roles: vec![],
        devices: 1,
        credential: Credential::Active,
    }
}

fn decided(world: &World) -> Decision {
    let draft: Draft = serde_json::from_value(world.settings.clone()).unwrap();
    let settings = draft.check().unwrap();
    let community = Place::parse(PlaceKind::Community, "c1").unwrap();
    let user = UserId::parse("ann").unwrap();
    let mut recipient = Recipient::unknown(user.clone());
    recipient.preferences.off = world.user_off;
    if world.module_off {
        recipient.preferences.modules_off.insert(Module::Social);
    }
    let wish = PlacePreference::parse(world.wish).unwrap();
    assert!(recipient.preferences.set_place(&community, wish));
    recipient.devices = (0..world.devices)
        .map(|n| Device {
            id: DeviceId::parse(&n.to_string()).unwrap(),
            slot: slot(Platform::Android, None, None).unwrap(),
            token: Token::parse(&format!("t{n}"), Provider::Fcm).unwrap(),
            locale: None,
            registered: Timestamp::EPOCH,
        })
        .collect();
    let roles: Vec<_> = world.roles.iter().map(|role| (*role).to_owned()).collect();
    let question = Question {
        settings: &settings,
        event: find(world.event),
        place: world.place.map(|mode| (&community, mode)),
        not_told: world.sender.then_some(&user),
        sender_roles: &roles,
    };
    decide(&question, &recipient, |_| world.credential)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_gate_stops_by_its_own_setting_and_no_later_gate_is_asked() {
    let event = |more: &str| {
        let json = format!(r#"{{"events":[{{"name":"post.created",{more}}}]}}"#);
        serde_json::from_str(&json).unwrap()
    };
    let cases: Vec<(World, Ground)> = vec![
        (
            World {
                settings: serde_json::json!({ "enabled": false }),
                user_off: true,
                ..open()
            },
            Ground::MasterOff,
        ),
        (
            World {
                settings: event(r#""enabled":false"#),
                devices: 0,
                ..open()
            },
            Ground::EventOff,
        ),
        (
            World {
                settings: serde_json::json!({ "modulesOff": ["social"] }),
                user_off: true,
                ..open()
            },
            Ground::ModuleOff,
        ),
        (
            World {
                user_off: true,
                module_off: true,
                ..open()
            },
            Ground::UserOff,
        ),
        (
            World {
                module_off: true,
                ..open()
            },
            Ground::UserModuleOff,
        ),
        (
            World {
                sender: true,
                ..open()
            },
            Ground::UserIsSender,
        ),
        (
            World {
                place: Some(Mode::Silent),
                wish: "subscribe",
                ..open()
            },
            Ground::PlaceSilent,
        ),
        (
            World {
                place: Some(Mode::Default),
                wish: "silent",
                ..open()
            },
            Ground::PlaceMuted,
        ),
        (
            World {
                place: Some(Mode::Subscribe),
                ..open()
            },
            Ground::PlaceNotSubscribed,
        ),
        (
            World {
                place: Some(Mode::Subscribe),
                wish: "subscribe -post.created",
                ..open()
            },
            Ground::PlaceEventOff,
        ),
        (
            World {
                settings: event(r#""listenFrom":["mod"]"#),
                roles: vec!["fan"],
                ..open()
            },
            Ground::RoleNotListened,
        ),
        (
            World {
                settings: event(r#""ignoreFrom":["bot"],"listenFrom":["mod"]"#),
                roles: vec!["mod", "bot"],
                ..open()
            },
            Ground::RoleIgnored,
        ),
        (
            World {
                devices: 0,
                ..open()
            },
            Ground::DeviceNone,
        ),
    ];
    for (world, expected) in cases {
        let decision = decided(&world);
        assert_eq!(decision.trail.stop(), Some(expected), "{world:?}");
        assert!(decision.devices.is_empty());
        let asked: Vec<_> = decision
            .trail
            .grounds()
            .iter()
            .map(|ground| ground.gate())
            .collect();
        let count = asked.len();
        assert_eq!(asked, &Gate::ALL[..count], "in order, none left out");
        assert_eq!(asked.last(), Some(&expected.gate()));
    }
}

#[test]
fn what_passes_says_why() {
    let custom = World {
        event: "shop.opened",
        ..open()
    };
    for (world, word) in [
        (
            open(),
            "master_on event_on module_on user_on place_none role_any device_found",
        ),
        (
            World {
                place: Some(Mode::Default),
                ..open()
            },
            "master_on event_on module_on user_on place_open role_any device_found",
        ),
        (
            World {
                place: Some(Mode::Subscribe),
                wish: "subscribe",
                ..open()
            },
            "master_on event_on module_on user_on place_subscribed role_any device_found",
        ),
        (
            World {
                module_off: true,
                ..custom
            },
            "master_on event_custom module_none user_on place_none role_any device_found",
        ),
    ] {
        assert_eq!(decided(&world).trail.to_text(), word);
    }
    for (credential, ground) in [
        (Credential::Active, Ground::CredentialActive),
        (Credential::Paused, Ground::CredentialPaused),
        (Credential::None, Ground::CredentialNone),
    ] {
        let decision = decided(&World {
            devices: 2,
            credential,
            ..open()
        });
        let grounds: Vec<_> = decision.devices.iter().map(|(_, ground)| *ground).collect();
        assert_eq!(grounds, [ground; 2]);
        assert_eq!(decision.trail.stop(), None);
    }
}

proptest! {
    #[test]
    fn trails_come_back_as_they_were(picks in proptest::collection::vec(0..Ground::ALL.len(), 0..8)) {
        let trail = Trail(picks.into_iter().map(|n| Ground::ALL[n]).collect());
        prop_assert_eq!(Trail::parse(&trail.to_text()), Some(trail));
    }
}

#[test]
fn words_of_grounds_are_distinct() {
    for ground in Ground::ALL {
        assert_eq!(Ground::parse(ground.word()), Some(*ground));
    }
}

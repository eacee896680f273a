//! What administrators decide about pushes, its versions, and what a device would be sent.

use std::time::Duration;

use domain::api_key::Role;
use domain::credential::{Platform, Provider};
use domain::push::device::{Locale, Token};
use domain::push::event::find;
use domain::push::render::render;
use domain::push::request::Content;
use domain::push::settings::Draft;
use domain::time::Timestamp;
use providers::{MessageId, Order};
use serde_json::{Value, json};
use simulator::{Fault, Target};
use testkit::{ManualClock, service_account};

use crate::harness::{Answer, Fanfare};
use crate::phones::slot;
use crate::retry::{START, fanfare_at};

const PATH: &str = "/push-settings";

fn event<'a>(settings: &'a Value, name: &str) -> &'a Value {
    let events = settings["events"].as_array().unwrap();
    events.iter().find(|event| event["name"] == name).unwrap()
}

fn broken(answer: &Answer) -> Vec<(String, String)> {
    let errors = answer.body["errors"].as_array().unwrap();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| (text(error, "field"), text(error, "rule")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_starts_with_all_38_events_and_keeps_what_is_put() {
    let fanfare = Fanfare::start().await;
    let fresh = fanfare.get(PATH).await;
    assert_eq!((fresh.status, &fresh.body["enabled"]), (200, &json!(true)));
    assert_eq!(fresh.headers["etag"], "\"0\"");
    assert_eq!(fresh.body["events"].as_array().unwrap().len(), 38);
    assert_eq!(
        fresh.body["coverage"],
        json!({ "intended": 38, "enabled": 38 })
    );
    let post = event(&fresh.body, "post.created");
    assert_eq!(
        (&post["module"], &post["group"], &post["parameters"]),
        (
            &json!("social"),
            &json!("post"),
            &json!(["sender", "community", "post"])
        )
    );

    let put = fanfare
        .put(PATH, &json!({
            "modules": { "chat": false },
            "throttle": { "pushes": 3, "perSeconds": 30 },
            "events": [{
                "name": "post.created",
                "titleTemplate": "Your password, {sender}",
                "bodyTemplate": "x".repeat(141),
                "locales": { "de": { "titleTemplate": "{community}", "bodyTemplate": "Neu von {sender}" } },
                "bodyLocKey": { "key": "NEW_POST", "args": ["sender"] },
                "listenFromRoleIds": ["moderator"],
            }, { "name": "story.created", "enabled": false }],
        }))
        .await;
    assert_eq!(
        (put.status, &put.body["version"]),
        (200, &json!(1)),
        "{}",
        put.body
    );
    assert_eq!(put.headers["etag"], "\"1\"");
    assert_eq!(
        put.body["coverage"],
        json!({ "intended": 38, "enabled": 25 })
    );
    let warned: Vec<_> = put.body["warnings"].as_array().unwrap().iter().collect();
    let warned: Vec<_> = warned.iter().map(|w| (&w["event"], &w["field"])).collect();
    let name = json!("post.created");
    assert_eq!(
        warned,
        [
            (&name, &json!("titleTemplate")),
            (&name, &json!("bodyTemplate"))
        ]
    );
    let read = fanfare.get(PATH).await;
    assert_eq!(read.body, put.body);
    let post = event(&read.body, "post.created");
    assert_eq!(post["locales"]["de"]["bodyTemplate"], "Neu von {sender}");
    assert_eq!(
        post["bodyLocKey"],
        json!({ "key": "NEW_POST", "args": ["sender"] })
    );

    // What was read can be put back as it is, and makes no version.
    let again = fanfare.put(PATH, &read.body).await;
    assert_eq!(
        (again.status, again.body),
        (200, read.body),
        "the same again"
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_parsed_when_they_are_saved_and_nothing_broken_is_kept() {
    let fanfare = Fanfare::start().await;
    let refused = fanfare
        .put(PATH, &json!({
            "modules": { "story": false },
            "throttle": { "pushes": 1, "perSeconds": 0 },
            "events": [
                { "name": "post.created", "titleTemplate": "{password}", "bodyTemplate": "x".repeat(5001) },
                { "name": "message.created", "bodyTemplate": "", "locales": { "?": { "bodyTemplate": "{x" } } },
                { "name": "post.created", "ignoreFromRoleIds": vec!["r"; 11] },
                { "name": "nothing.happened" },
            ],
        }))
        .await;
    assert_eq!((refused.status, refused.problem()), (422, "invalid-fields"));
    let expected = [
        ("modules.story", "unknown"),
        ("throttle.perSeconds", "range"),
        ("events[0].titleTemplate", "placeholder"),
        ("events[0].bodyTemplate", "too_long"),
        ("events[1].bodyTemplate", "required"),
        ("events[1].locales.?.bodyTemplate", "brace"),
        ("events[1].locales.?", "format"),
        ("events[2].ignoreFromRoleIds", "count"),
        ("events[2].name", "duplicate"),
        ("events[3].name", "unknown"),
    ];
    let expected = expected.map(|(field, rule)| (field.to_owned(), rule.to_owned()));
    assert_eq!(broken(&refused), expected);
    let misspelt = fanfare.put(PATH, &json!({ "enable": false })).await;
    assert_eq!(
        broken(&misspelt),
        [("enable".to_owned(), "unknown".to_owned())]
    );
    assert_eq!(fanfare.get(PATH).await.body["version"], 0);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_super_admin_and_admin_flip_the_master_toggle() {
    let fanfare = Fanfare::start().await;
    let developer = fanfare.key(Role::Developer).await;
    let put = async |key: &str, body: &Value| {
        fanfare.call(key, "PUT", PATH, &body.to_string(), &[]).await
    };
    let off = json!({ "enabled": false });
    let refused = put(&developer, &off).await;
    assert_eq!((refused.status, refused.problem()), (403, "not-permitted"));
    for (key, status) in [
        (fanfare.key(Role::Viewer).await, 403),
        (fanfare.producer(), 403),
        (fanfare.key(Role::Admin).await, 200),
    ] {
        assert_eq!(put(&key, &off).await.status, status);
    }
    // Left out, the toggle stays; a developer may change everything beside it.
    let texts = json!({ "events": [{ "name": "post.created", "enabled": false }] });
    let changed = put(&developer, &texts).await;
    assert_eq!(
        (changed.status, &changed.body["enabled"]),
        (200, &json!(false))
    );
    assert_eq!(changed.body["coverage"]["enabled"], 0);
    assert_eq!(
        put(&developer, &json!({ "enabled": true })).await.status,
        403
    );
    let on = put(&fanfare.admin(), &json!({ "enabled": true })).await;
    assert_eq!(on.body["enabled"], true);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_and_a_rollback_leaves_the_master_toggle_alone() {
    let fanfare = Fanfare::start().await;
    let text = |text: &str| json!({ "events": [{ "name": "post.created", "bodyTemplate": text }] });
    fanfare.put(PATH, &text("one")).await;
    fanfare.put(PATH, &text("two")).await;
    fanfare.put(PATH, &json!({ "enabled": false })).await;

    let stale = fanfare
        .call(
            &fanfare.admin(),
            "PUT",
            PATH,
            "{}",
            &[("if-match", "\"2\"")],
        )
        .await;
    assert_eq!(
        (stale.status, stale.problem()),
        (412, "precondition-failed")
    );
    let developer = fanfare.key(Role::Developer).await;
    let back = fanfare
        .call(
            &developer,
            "POST",
            "/push-settings/rollback",
            r#"{"version":1}"#,
            &[("if-match", "\"3\"")],
        )
        .await;
    assert_eq!(back.status, 200, "{}", back.body);
    assert_eq!(event(&back.body, "post.created")["bodyTemplate"], "one");
    assert_eq!(
        (
            &back.body["version"],
            &back.body["repeats"],
            &back.body["enabled"]
        ),
        (&json!(4), &json!(1), &json!(false))
    );
    let second = fanfare.get("/push-settings/versions/2").await;
    assert_eq!(event(&second.body, "post.created")["bodyTemplate"], "two");
    let listed = fanfare.get("/push-settings/versions").await;
    let items = listed.body["items"].as_array().unwrap();
    let versions: Vec<_> = items
        .iter()
        .map(|item| item["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [4, 3, 2, 1]);
    let origin = fanfare
        .post(
            &developer,
            "/push-settings/rollback",
            &json!({ "version": 0 }),
        )
        .await;
    assert!(
        event(&origin.body, "post.created")["bodyTemplate"]
            .as_str()
            .unwrap()
            .starts_with("{sender}")
    );
    for version in ["9", "x", "-1"] {
        let missing = fanfare
            .get(&format!("/push-settings/versions/{version}"))
            .await;
        assert_eq!(missing.problem(), "not-found", "{version}");
    }
    let missing = fanfare
        .post(
            &developer,
            "/push-settings/rollback",
            &json!({ "version": 9 }),
        )
        .await;
    assert_eq!(missing.problem(), "not-found");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_of_one_version_are_one_change_and_one_refusal() {
    let fanfare = Fanfare::start().await;
    let change = async |pushes: u32| {
        let body = json!({ "throttle": { "pushes": pushes, "perSeconds": 60 } }).to_string();
        let headers = [("if-match", "\"0\"")];
        fanfare
            .call(&fanfare.admin(), "PUT", PATH, &body, &headers)
            .await
            .status
    };
    let both = futures::future::join(change(1), change(2)).await;
    assert!(both == (200, 412) || both == (412, 200), "{both:?}");
    fanfare.system.stop().await;
}

/// The draft that the previews below are made with, and the same in the words of the API.
const DRAFT: &str = r#"{"events":[
    {"name":"post.created","locales":{"de":{"title":"{community}","body":"Neu von {sender}: {post}"}}},
    {"name":"post.reacted","bodyKey":{"key":"REACTED","args":["sender"]}}
]}"#;

const CONTENT: &str = r#"{"params":{"sender":"Ann \"A\"","community":"Schach"},"data":{"postId":"p1"},"badge":3,"sound":"default","collapseId":"c1"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_byte_for_byte_what_a_device_is_sent() {
    let fanfare = Fanfare::start().await;
    let put = fanfare
        .put(PATH, &json!({ "events": [
            { "name": "post.created", "locales": { "de": { "titleTemplate": "{community}", "bodyTemplate": "Neu von {sender}: {post}" } } },
            { "name": "post.reacted", "bodyLocKey": { "key": "REACTED", "args": ["sender"] } },
        ] }))
        .await;
    assert_eq!(put.status, 200, "{}", put.body);
    let settings = serde_json::from_str::<Draft>(DRAFT)
        .unwrap()
        .check()
        .unwrap();
    let content = Content::parse(CONTENT).unwrap();
    for name in ["post.created", "post.reacted"] {
        for (provider, platform) in [
            (Provider::Apns, Platform::Ios),
            (Provider::Fcm, Platform::Android),
            (Provider::Baidu, Platform::Android),
        ] {
            for locale in ["de-AT", "fr"] {
                let push = render(
                    &settings,
                    find(name),
                    &content,
                    Locale::parse(locale).as_ref(),
                );
                let token = Token::parse("DEVICE_TOKEN", Provider::Fcm).unwrap();
                let now = Timestamp::from_millis(1_000_000);
                let order = Order {
                    push: &push,
                    platform,
                    token: &token,
                    id: MessageId::from_bytes([9; 16]),
                    accepted: now,
                };
                let sent = match provider {
                    Provider::Apns => {
                        let message = providers::apns::message(&order, "com.example", now).unwrap();
                        String::from_utf8(message.body.to_vec()).unwrap()
                    }
                    Provider::Fcm => {
                        let (message, _) = providers::fcm::message(&order, now).unwrap();
                        json!({ "message": message }).to_string()
                    }
                    Provider::Baidu => providers::baidu::message(&push).unwrap().0,
                };
                let mut request: Value = serde_json::from_str(CONTENT).unwrap();
                request["event"] = name.into();
                request["platform"] = platform.word().into();
                request["provider"] = provider.word().into();
                request["locale"] = locale.into();
                let shown = fanfare.preview(&request).await;
                assert_eq!(shown.status, 200, "{}", shown.body);
                assert_eq!(shown.text("/payload"), sent);
                let german = name == "post.created" && locale == "de-AT";
                assert_eq!(shown.text("/texts"), if german { "de" } else { "default" });
                let missing = if german { json!(["post"]) } else { json!([]) };
                assert_eq!(shown.body["missingParams"], missing);
                assert!(shown.body["bytes"].as_u64().unwrap() <= 4096);
            }
        }
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_apples_short_form_its_headers_and_its_limits() {
    let fanfare = Fanfare::start().await;
    // An alert that is a body alone is a text, Apple's short form; with a title it is an object.
    let shown = fanfare
        .preview(
            &json!({ "event": "follow.created", "platform": "ios", "params": { "sender": "Ann" } }),
        )
        .await;
    let alone = r#"{"aps":{"alert":"Ann started following you","mutable-content":0}}"#;
    assert_eq!(shown.text("/payload"), alone);
    assert_eq!(shown.body["bytes"], json!(alone.len()));
    assert_eq!(
        shown.body["headers"],
        json!({ "apns-push-type": "alert", "apns-priority": "10" })
    );
    let titled = fanfare
        .preview(&json!({ "event": "channel.created", "platform": "ios", "params": { "channel": "Chess" } }))
        .await;
    let both = r#"{"aps":{"alert":{"title":"Chess","body":"You're now member of Chess!"},"mutable-content":0}}"#;
    assert_eq!(titled.text("/payload"), both);

    let long = json!({ "event": "own.event", "platform": "ios", "body": "é".repeat(3000) });
    let cut = fanfare.preview(&long).await;
    assert_eq!((&cut.body["trimmed"], cut.status), (&json!(true), 200));
    for (request, expected) in [
        (
            json!({ "event": "own.event", "platform": "ios" }),
            ("body", "required"),
        ),
        (
            json!({ "event": "post.created", "platform": "web" }),
            ("platform", "format"),
        ),
        (
            json!({ "event": "post.created", "platform": "ios", "provider": "fcm" }),
            ("provider", "format"),
        ),
        (
            json!({ "event": "post.created", "platform": "ios", "locale": "?" }),
            ("locale", "format"),
        ),
        (
            json!({ "event": "post.created", "platform": "ios", "params": { "age": "9" } }),
            ("params.age", "unknown"),
        ),
        (
            json!({ "event": "post.created", "platform": "ios", "data": { "aps": "x" } }),
            ("data.aps", "reserved_key"),
        ),
        (
            json!({ "event": "post.created", "platform": "android", "data": { "k": "v".repeat(5000) } }),
            ("", "payload_too_large"),
        ),
    ] {
        let refused = fanfare.preview(&request).await;
        assert_eq!(refused.problem(), "invalid-fields", "{request}");
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert_eq!(broken(&refused), [expected], "{request}");
    }
    fanfare.system.stop().await;
}

impl Fanfare {
    async fn preview(&self, request: &Value) -> Answer {
        let viewer = self.key(Role::Viewer).await;
        self.post(&viewer, "/push-settings/preview", request).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn turned_off_in_a_broadcast_the_master_toggle_is_heeded_within_five_seconds() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (google, email, public) = service_account("fanfare-demo");
    fanfare.phones().know_account(&email, &public);
    fanfare.activate(slot(Provider::Fcm), &google).await;
    for n in 0..40 {
        let token = format!("phone:{n}");
        let user = format!("u{n}");
        let device =
            json!({ "deviceId": user, "platform": "android", "token": token, "userId": user });
        fanfare.register(&device).await;
        // Half of them are to be sent to when the broadcast has run for 20 seconds.
        if n % 2 == 1 {
            let later = Fault::Refuse {
                status: 503,
                word: "UNAVAILABLE".to_owned(),
                retry_after: Some(20),
            };
            fanfare.phones().script(Target::Fcm, Some(&token), 1, later);
        }
    }
    let event = fanfare
        .push(json!({ "broadcast": true, "body": "b" }))
        .await;
    fanfare.in_state(&event, "sent", 20).await;
    let path = format!("/events/{event}/pushes?limit=200");
    let tried = |answer: &Answer| {
        let items = answer.body["items"].as_array();
        items.is_some_and(|items| {
            items.iter().all(|item| item["attempts"] == 1) && items.len() == 40
        })
    };
    fanfare.until(&path, tried).await;

    // 18 seconds on, the settings are read once more, and turned off right after.
    clock.advance(Duration::from_secs(18));
    let other = fanfare
        .push(json!({ "targetIds": ["u0"], "params": {} }))
        .await;
    fanfare.in_state(&other, "sent", 1).await;
    let off = fanfare
        .put("/push-settings", &json!({ "enabled": false }))
        .await;
    assert_eq!(off.status, 200, "{}", off.body);
    let asked = fanfare.phones().pushes().len();

    // When they have been kept for five seconds, the other half is due.
    clock.advance(Duration::from_secs(5));
    fanfare.system.embedded().sqs().tick();
    let told = fanfare.in_state(&event, "gated", 20).await;
    let items = told.body["items"].as_array().unwrap();
    let gated = items.iter().filter(|item| item["state"] == "gated");
    for item in gated {
        assert_eq!(item["stoppedBy"]["reason"], "master_off", "{item}");
    }
    fanfare.in_state(&event, "sent", 20).await;
    assert_eq!(
        fanfare.phones().pushes().len(),
        asked,
        "nothing more was sent"
    );
    fanfare.system.stop().await;
}

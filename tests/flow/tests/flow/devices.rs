//! Registering devices, and what people decide about their pushes.

use serde_json::{Value, json};

use crate::harness::{Answer, Fanfare, checked};

fn android(device: &str, token: &str, user: &str) -> Value {
    json!({ "deviceId": device, "platform": "android", "token": token, "userId": user })
}

impl Fanfare {
    pub(crate) async fn register(&self, device: &Value) -> Answer {
        self.post(self.system.keys().device(), "/devices", device)
            .await
    }

    async fn devices_of(&self, user: &str) -> Vec<String> {
        let listed = self.get(&format!("/users/{user}/devices")).await;
        let items = listed.body["items"].as_array().unwrap();
        let ids = items.iter().map(|item| item["deviceId"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }

    /// One call as SDKs made for social.plus send it, with `headers` for the key.
    async fn sdk(&self, headers: &[(&str, &str)], method: &str, query: &str, body: &str) -> Answer {
        let path = format!("/v1/notification{query}");
        let mut request = self.request(method, &path).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        checked(method, &path, request).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(&self.admin(), "PUT", path, &body.to_string(), &[])
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_devices_reads_the_decisions_that_it_may_change_and_nobodys_devices() {
    let fanfare = Fanfare::start().await;
    let key = fanfare.system.keys().device().to_owned();
    let settings = "/users/ann/push-settings";
    let off = json!({ "enabled": false }).to_string();
    let put = fanfare.call(&key, "PUT", settings, &off, &[]).await;
    assert_eq!(put.status, 200, "{}", put.body);
    for (path, status) in [
        (settings, 200),
        ("/users/ann/channels/chess/push-settings", 200),
        ("/users/ann/communities/chess/push-settings", 200),
        ("/users/ann/devices", 403),
        ("/channels/chess/push-settings", 403),
        ("/push-settings", 403),
    ] {
        let read = fanfare.call(&key, "GET", path, "", &[]).await;
        assert_eq!(read.status, status, "{path}: {}", read.body);
        if path == settings {
            assert_eq!(read.body["enabled"], false, "{}", read.body);
        }
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_belongs_to_one_user_and_a_token_to_one_device() {
    let fanfare = Fanfare::start().await;
    let first = fanfare.register(&android("d1", "t1", "ann")).await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert!(
        !first.body.to_string().contains("t1"),
        "tokens are not shown"
    );
    assert_eq!(
        fanfare.register(&android("d1", "t1", "ann")).await.status,
        200
    );
    // A fresh device id with the same token, as some SDKs make at each start.
    let again = fanfare.register(&android("d2", "t1", "ann")).await;
    assert_eq!((again.status, &again.body["moved"]), (201, &json!(false)));
    assert_eq!(fanfare.devices_of("ann").await, ["d2"]);
    // Somebody else signs in on the phone: its token moves; then another phone takes its id.
    let moved = fanfare.register(&android("d3", "t1", "bob")).await;
    assert_eq!(moved.body["moved"], json!(true));
    assert_eq!(
        (
            fanfare.devices_of("ann").await,
            fanfare.devices_of("bob").await
        ),
        (vec![], vec!["d3".to_owned()])
    );
    fanfare.register(&android("d3", "t9", "cy")).await;
    assert_eq!(
        (
            fanfare.devices_of("bob").await,
            fanfare.devices_of("cy").await
        ),
        (vec![], vec!["d3".to_owned()])
    );

    let device = fanfare.system.keys().device().to_owned();
    let gone = fanfare
        .call(&device, "DELETE", "/devices/d3", "", &[])
        .await;
    assert_eq!(gone.status, 204);
    let gone = fanfare
        .call(&device, "DELETE", "/devices/d3", "", &[])
        .await;
    assert_eq!(gone.problem(), "not-found");
    // The freed token is free.
    assert_eq!(
        fanfare.register(&android("d4", "t9", "ann")).await.body["moved"],
        json!(false)
    );
    // A key that applications hold reads nothing.
    let read = fanfare
        .call(&device, "GET", "/users/ann/devices", "", &[])
        .await;
    assert_eq!(read.problem(), "not-permitted");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_than_twenty_devices_the_oldest_leaves_also_when_they_come_at_once() {
    let fanfare = Fanfare::start().await;
    let devices: Vec<_> = (0..8)
        .map(|n| android(&format!("d{n}"), &format!("t{n}"), "ann"))
        .collect();
    let made = devices.iter().map(|device| fanfare.register(device));
    for answer in futures::future::join_all(made).await {
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    for n in 8..20 {
        fanfare
            .register(&android(&format!("d{n}"), &format!("t{n}"), "ann"))
            .await;
    }
    let oldest = fanfare.devices_of("ann").await[0].clone();
    let last = fanfare.register(&android("d20", "t20", "ann")).await;
    assert_eq!(last.body["droppedDeviceIds"], json!([oldest]));
    let held = fanfare.devices_of("ann").await;
    assert_eq!((held.len(), held.contains(&oldest)), (20, false));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_refused_with_every_rule_it_breaks() {
    let fanfare = Fanfare::start().await;
    for (device, fields) in [
        (
            json!({ "deviceId": "x".repeat(151), "platform": "ios", "token": "xyz", "userId": "" }),
            vec!["deviceId", "token", "userId"],
        ),
        (
            json!({ "deviceId": "d", "platform": "web", "token": "t", "userId": "u", "provider": "apns", "locale": "?" }),
            vec!["locale", "platform"],
        ),
        (
            json!({ "deviceId": "d", "platform": "ios", "token": "ab", "userId": "u", "provider": "baidu" }),
            vec!["provider"],
        ),
        (
            json!({ "deviceId": "d", "platform": "ios", "token": "ab".repeat(201), "userId": "u" }),
            vec!["token"],
        ),
        (
            json!({ "deviceId": "d", "platform": "android", "token": "t", "userId": "u", "colour": 1 }),
            vec!["colour"],
        ),
    ] {
        let refused = fanfare.register(&device).await;
        assert_eq!(refused.problem(), "invalid-fields", "{device}");
        let mut told: Vec<_> = refused.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        told.sort_unstable();
        assert_eq!(told, fields, "{device}");
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sdks_made_for_social_plus_register_with_their_key_in_its_own_header() {
    let fanfare = Fanfare::start().await;
    let device = fanfare.system.keys().device().to_owned();
    let body = android("d1", "t1", "ann").to_string();
    let post = async |key: &str| {
        let headers = [("X-API-Key", key)];
        fanfare.sdk(&headers, "POST", "", &body).await
    };
    let done = post(&device).await;
    assert_eq!(
        (done.status, done.body),
        (200, json!({ "status": "success" }))
    );
    assert_eq!(fanfare.devices_of("ann").await, ["d1"]);
    let told = post(&fanfare.producer()).await;
    assert_eq!(
        (told.status, &told.body["status"], &told.body["code"]),
        (403, &json!("error"), &json!(400_300))
    );
    // The other header does not open this path, nor this one any other.
    let devices = format!("{}/v1/networks/demo/devices", fanfare.system.api());
    let wrong = fanfare.http.post(devices).header("X-API-Key", &device);
    assert_eq!(wrong.body("{}").send().await.unwrap().status(), 401);

    let delete = async |query: &str| {
        let headers = [("X-API-Key", device.as_str())];
        fanfare.sdk(&headers, "DELETE", query, "").await
    };
    assert_eq!(delete("?deviceId=d1&userId=ann").await.status, 200);
    for (query, status, code) in [
        ("?deviceId=d1", 404, 400_400),
        ("?device=d1", 400, 400_000),
        ("", 400, 400_000),
    ] {
        let refused = delete(query).await;
        assert_eq!(refused.status, status, "{query}");
        assert_eq!(refused.body["code"], code, "{}", refused.body);
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_without_a_good_key_is_told_of_the_header_that_it_uses() {
    let fanfare = Fanfare::start().await;
    let bearer = format!("Bearer {}", fanfare.system.keys().device());
    let none = "Send the header `X-API-Key: <key>`.";
    let bad = "Check the key in the header `X-API-Key`";
    for method in ["POST", "DELETE"] {
        for (headers, status, said) in [
            (vec![], 401, none),
            (vec![("X-API-Key", "")], 401, none),
            (vec![("Authorization", bearer.as_str())], 401, none),
            (vec![("X-API-Key", "nonsense")], 403, bad),
            (vec![("X-API-Key", bearer.as_str())], 403, bad),
        ] {
            let refused = fanfare.sdk(&headers, method, "?deviceId=d1", "{}").await;
            assert_eq!(refused.status, status, "{headers:?}");
            let detail = refused.text("/detail");
            assert!(detail.contains(said), "{detail}");
            assert!(!detail.contains("Bearer"), "{detail}");
        }
    }
    // Elsewhere the word before the key is part of the header.
    let refused = fanfare.operate("nonsense", "GET", "/networks/demo/webhooks");
    let detail = refused.await.text("/detail");
    assert!(detail.contains("Check the key after `Bearer `"), "{detail}");
    fanfare.system.stop().await;
}

/// As when one phone is handed around faster than its registrations are done.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_many_register_at_once_is_one_users_in_the_end() {
    let fanfare = Fanfare::start().await;
    let users: Vec<_> = (0..15).map(|n| format!("u{n}")).collect();
    let devices = users.iter().cycle().take(30);
    let devices: Vec<_> = devices
        .map(|user| android(&format!("of-{user}"), "t1", user))
        .collect();
    let answers = devices.iter().map(|device| fanfare.register(device));
    let mut taken = 0;
    for answer in futures::future::join_all(answers).await {
        taken += u32::from(done_or_told_to_repeat(&answer));
    }
    assert!(taken > 8, "{taken}");
    let mut owners = Vec::new();
    for user in &users {
        owners.extend(fanfare.devices_of(user).await);
    }
    assert_eq!(owners.len(), 1, "{owners:?}");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_user_decides_many_times_at_once_is_one_of_it_in_the_end() {
    let fanfare = Fanfare::start().await;
    let path = "/users/ann/push-settings";
    let puts = (0..30).map(|n| {
        let body = json!({ "enabled": n % 2 == 0, "modules": { "chat": n % 2 == 0 } });
        let fanfare = &fanfare;
        async move { fanfare.put(path, &body).await }
    });
    let answers = futures::future::join_all(puts).await;
    let taken = answers
        .iter()
        .filter(|answer| done_or_told_to_repeat(answer));
    assert!(taken.count() > 8);
    let last = fanfare.get(path).await.body;
    assert_eq!(last["enabled"], last["modules"]["chat"], "{last}");
    fanfare.system.stop().await;
}

fn done_or_told_to_repeat(answer: &Answer) -> bool {
    if answer.status == 503 {
        assert_eq!(answer.problem(), "contended", "{}", answer.body);
        assert_eq!(answer.headers["retry-after"], "1");
        return false;
    }
    assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn people_decide_by_module_and_by_channel_and_community() {
    let fanfare = Fanfare::start().await;
    let path = "/users/ann/push-settings";
    let default = fanfare.get(path).await;
    assert_eq!(
        default.body,
        json!({ "enabled": true, "modules": { "chat": true, "social": true, "video-streaming": true } })
    );
    let set = fanfare
        .put(path, &json!({ "modules": { "chat": false } }))
        .await;
    assert_eq!(
        set.body["modules"],
        json!({ "chat": false, "social": true, "video-streaming": true })
    );
    assert_eq!(fanfare.get(path).await.body, set.body);
    // Devices and decisions are one record and do not undo each other.
    fanfare.register(&android("d1", "t1", "ann")).await;
    assert_eq!(fanfare.get(path).await.body, set.body);

    let path = "/users/ann/communities/chess/push-settings";
    let set = fanfare
        .put(
            path,
            &json!({ "mode": "subscribe", "events": { "post.reacted": false } }),
        )
        .await;
    assert_eq!((set.status, &set.body["mode"]), (200, &json!("subscribe")));
    let got = fanfare.get(path).await;
    assert_eq!(
        (
            &got.body["events"]["post.reacted"],
            &got.body["events"]["post.created"]
        ),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        fanfare
            .get("/users/ann/channels/chess/push-settings")
            .await
            .body["mode"],
        "default"
    );
    assert_eq!(fanfare.devices_of("ann").await, ["d1"]);
    for (path, body, field) in [
        (
            "/users/ann/push-settings",
            json!({ "modules": { "story": false } }),
            "modules.story",
        ),
        (
            "/users/ann/channels/c/push-settings",
            json!({ "events": { "post.created": false } }),
            "events.post.created",
        ),
        (
            "/users/ann/channels/c/push-settings",
            json!({ "mode": "loud" }),
            "mode",
        ),
    ] {
        let refused = fanfare.put(path, &body).await;
        assert_eq!(
            refused.body["errors"][0]["field"], field,
            "{}",
            refused.body
        );
    }

    let path = "/channels/general/push-settings";
    assert_eq!(fanfare.get(path).await.body, json!({ "mode": "default" }));
    assert_eq!(
        fanfare.put(path, &json!({ "mode": "silent" })).await.body,
        json!({ "mode": "silent" })
    );
    assert_eq!(fanfare.get(path).await.body, json!({ "mode": "silent" }));
    let device = fanfare.system.keys().device().to_owned();
    let refused = fanfare
        .call(&device, "PUT", path, r#"{"mode":"default"}"#, &[])
        .await;
    assert_eq!(refused.problem(), "not-permitted");
    fanfare.system.stop().await;
}

/// Releases of SDKs differ in what they send, and read what went wrong in one form.
#[tokio::test(flavor = "multi_thread")]
async fn sdks_made_for_social_plus_may_say_more_and_are_refused_in_their_own_words() {
    let fanfare = Fanfare::start().await;
    let key = fanfare.system.keys().device().to_owned();
    let post = async |body: String| {
        let headers = [
            ("X-API-Key", key.as_str()),
            ("content-type", "application/json"),
        ];
        let answer = fanfare.sdk(&headers, "POST", "", &body).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        (answer.status, answer.body)
    };
    let mut more = android("d1", "t1", "ann");
    more["sdkVersion"] = json!("6.1.0");
    more["environment"] = json!({ "name": "whatever" });
    assert_eq!(post(more.to_string()).await.0, 200);
    assert_eq!(fanfare.devices_of("ann").await, ["d1"]);

    let mut bad = android("d2", "t2", "ann");
    bad["platform"] = json!("windows");
    let (status, told) = post(bad.to_string()).await;
    assert_eq!((status, &told["status"]), (400, &json!("error")));
    assert_eq!(told["code"], 400_000);
    assert_eq!(told["data"]["detail"][0]["field"], "platform", "{told}");
    assert_eq!(told["message"], "platform: must be ios or android");
    for body in ["{", "[]", r#"{"deviceId":"d2"}"#, r#"{"deviceId":7}"#] {
        let (status, told) = post(body.to_owned()).await;
        assert_eq!((status, &told["code"]), (400, &json!(400_000)), "{body}");
        assert!(!told["message"].as_str().unwrap().is_empty());
    }
    let (status, told) = post(format!("\"{}\"", "x".repeat(20_000))).await;
    assert_eq!((status, &told["status"]), (413, &json!("error")));
    assert_eq!(fanfare.devices_of("ann").await, ["d1"]);
    fanfare.system.stop().await;
}

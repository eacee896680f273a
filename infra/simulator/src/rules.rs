//! The rules of each provider, one by one: a request that is good but for one thing, and the word for
//! it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::credential::Environment;
use domain::time::Timestamp;
use http::Request;
use http::request::Parts;
use runtime::Clock;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::reply::Reply;
use crate::server::Peer;
use crate::state::State;
use crate::{apns, baidu, fcm, oauth};

const NOW: u64 = 1_800_000_000;

fn state() -> State {
    State::new(Clock::from_fn(|| Timestamp::from_millis(NOW * 1000)))
}

fn answered(reply: Reply) -> (u16, Value) {
    match reply {
        Reply::Answer(answer) => (answer.status, answer.body.unwrap_or_default()),
        Reply::Fault(_) | Reply::RefusedStream | Reply::Abandoned => panic!("{reply:?}"),
    }
}

/// Signed by nobody who is known here.
fn jwt(header: &Value, claims: &Value) -> String {
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signature = URL_SAFE_NO_PAD.encode([7; 64]);
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// A request with these headers, each as often as it has values.
fn head(method: &str, path: &str, headers: &BTreeMap<&str, Vec<String>>) -> Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, values) in headers {
        for value in values {
            request = request.header(*name, value);
        }
    }
    request.body(()).unwrap().into_parts().0
}

fn provider_token(issued: u64) -> String {
    let header = json!({ "alg": "ES256", "kid": "KEY0000001" });
    let token = jwt(&header, &json!({ "iss": "TEAM000001", "iat": issued }));
    format!("bearer {token}")
}

/// A push to Apple: headers in the place of the good ones, and the bytes of its payload.
fn push(state: &State, changed: &[(&'static str, &[&str])], body: usize) -> (u16, String) {
    let path = format!("/3/device/{}", "a".repeat(64));
    push_to(state, "POST", &path, changed, body)
}

fn push_to(
    state: &State,
    method: &str,
    path: &str,
    changed: &[(&'static str, &[&str])],
    body: usize,
) -> (u16, String) {
    let mut headers: BTreeMap<_, _> = [
        ("authorization", vec![provider_token(NOW)]),
        ("apns-topic", vec!["com.example.app".to_owned()]),
        ("apns-push-type", vec!["alert".to_owned()]),
    ]
    .into();
    for (name, values) in changed {
        headers.insert(name, values.iter().map(ToString::to_string).collect());
    }
    let peer = Peer::new(Environment::Production, None, true);
    let body = vec![b' '; body];
    let head = head(method, path, &headers);
    let (status, answer) = answered(apns::answer(state, &peer, &head, &body));
    let reason = answer["reason"].as_str().unwrap_or_default();
    (status, reason.to_owned())
}

#[test]
fn apple_names_what_is_wrong_with_the_headers_and_the_size() {
    const UUID: &str = "123e4567-e89b-12d3-a456-426614174000";
    let long = "c".repeat(65);
    type Changed<'a> = &'a [(&'static str, &'a [&'a str])];
    let table: [(Changed<'_>, usize, u16, &str); 22] = [
        (&[("apns-id", &[UUID])], 2, 200, ""),
        (
            &[("apns-topic", &["a.b", "a.b"])],
            2,
            400,
            "DuplicateHeaders",
        ),
        (&[("apns-id", &["1"])], 2, 400, "BadMessageId"),
        (
            &[("apns-expiration", &["soon"])],
            2,
            400,
            "BadExpirationDate",
        ),
        (&[("apns-expiration", &["0"])], 2, 200, ""),
        (&[("apns-collapse-id", &[&long])], 2, 400, "BadCollapseId"),
        (&[("apns-collapse-id", &[&long[1..]])], 2, 200, ""),
        (&[("apns-push-type", &["shout"])], 2, 400, "InvalidPushType"),
        (&[("apns-priority", &["7"])], 2, 400, "BadPriority"),
        (
            &[
                ("apns-push-type", &["background"]),
                ("apns-priority", &["10"]),
            ],
            2,
            400,
            "BadPriority",
        ),
        (
            &[
                ("apns-push-type", &["background"]),
                ("apns-priority", &["5"]),
            ],
            2,
            200,
            "",
        ),
        (&[("apns-topic", &[])], 2, 400, "MissingTopic"),
        (&[("apns-topic", &["com example"])], 2, 400, "BadTopic"),
        (&[("apns-push-type", &["voip"])], 2, 400, "BadTopic"),
        (&[("authorization", &[])], 2, 403, "MissingProviderToken"),
        (
            &[("authorization", &["bearer x"])],
            2,
            403,
            "InvalidProviderToken",
        ),
        (&[], 0, 400, "PayloadEmpty"),
        (&[], 4096, 200, ""),
        (&[], 4097, 413, "PayloadTooLarge"),
        (
            &[("apns-push-type", &["voip"]), ("apns-topic", &["a.b.voip"])],
            5120,
            200,
            "",
        ),
        (
            &[("apns-push-type", &["voip"]), ("apns-topic", &["a.b.voip"])],
            5121,
            413,
            "PayloadTooLarge",
        ),
        (&[("apns-priority", &["1"])], 2, 200, ""),
    ];
    for (changed, body, status, reason) in table {
        let told = push(&state(), changed, body);
        assert_eq!(told, (status, reason.to_owned()), "{changed:?} {body}");
    }
}

#[test]
fn apple_names_what_is_wrong_with_the_path() {
    let good = format!("/3/device/{}", "a".repeat(64));
    for (method, path, status, reason) in [
        ("GET", good.as_str(), 405, "MethodNotAllowed"),
        ("POST", "/4/device/aa", 404, "BadPath"),
        ("POST", "/3/device/", 400, "MissingDeviceToken"),
        ("POST", "/3/device/aa", 400, "BadDeviceToken"),
    ] {
        let told = push_to(&state(), method, path, &[], 2);
        assert_eq!(told, (status, reason.to_owned()), "{method} {path}");
    }
}

#[test]
fn apple_takes_provider_tokens_of_an_hour_renewed_no_faster_than_each_twenty_minutes() {
    let told = |issued: &[u64]| {
        let state = state();
        let tries = issued.iter().map(|issued| {
            let token = provider_token(*issued);
            push(&state, &[("authorization", &[token.as_str()])], 2)
        });
        tries.last().unwrap()
    };
    for (issued, status, reason) in [
        (&[NOW - 3600][..], 200, ""),
        (&[NOW - 3601], 403, "ExpiredProviderToken"),
        (&[NOW + 61], 403, "ExpiredProviderToken"),
        (&[NOW - 1199, NOW], 429, "TooManyProviderTokenUpdates"),
        (&[NOW - 1200, NOW], 200, ""),
        (&[NOW, NOW], 200, ""),
    ] {
        assert_eq!(told(issued), (status, reason.to_owned()), "{issued:?}");
    }
}

#[test]
fn google_gives_tokens_for_the_right_scope_audience_and_hour_only() {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let asked = |name: &str, value: Value, algorithm: &str, grant: &str| {
        let mut claims = json!({
            "iss": "x@fanfare.iam.gserviceaccount.com", "aud": oauth::AUDIENCE,
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "iat": NOW, "exp": NOW + 3600,
        });
        claims[name] = value;
        let assertion = jwt(&json!({ "alg": algorithm }), &claims);
        let form = Serializer::new(String::new())
            .extend_pairs([("grant_type", grant), ("assertion", assertion.as_str())])
            .finish();
        let own = "https://127.0.0.1:1/token";
        let (status, answer) = answered(oauth::answer(&state(), own, form.as_bytes()));
        let word = answer["error"].as_str().unwrap_or_default();
        (status, word.to_owned())
    };
    for (name, value, status, word) in [
        ("iat", json!(NOW), 200, ""),
        ("aud", json!("https://127.0.0.1:1/token"), 200, ""),
        (
            "aud",
            json!("https://evil.example/token"),
            400,
            "invalid_grant",
        ),
        ("scope", json!("email"), 400, "invalid_scope"),
        ("exp", json!(NOW + 3601), 400, "invalid_grant"),
        ("exp", json!(NOW - 301), 400, "invalid_grant"),
        ("exp", Value::Null, 400, "invalid_grant"),
        ("iat", json!(NOW + 301), 400, "invalid_grant"),
        ("iss", json!(""), 400, "invalid_grant"),
    ] {
        let told = asked(name, value.clone(), "RS256", GRANT);
        assert_eq!(told, (status, word.to_owned()), "{name} {value}");
    }
    let other = asked("iat", json!(NOW), "ES256", GRANT);
    assert_eq!(other, (400, "invalid_grant".to_owned()));
    let other = asked("iat", json!(NOW), "RS256", "password");
    assert_eq!(other, (400, "unsupported_grant_type".to_owned()));
}

/// What FCM says of a request: the field at fault, else the code of the error.
fn fcm_told(path: &str, token: &str, request: &Value) -> (u16, String) {
    let state = state();
    let until = Timestamp::from_millis(NOW * 1000).after(Duration::from_secs(60));
    let owner = "x@fanfare.iam.gserviceaccount.com".to_owned();
    let mut inner = state.lock();
    inner.access_tokens.insert("t".to_owned(), (until, owner));
    drop(inner);
    let headers = [("authorization", vec![format!("Bearer {token}")])].into();
    let head = head("POST", path, &headers);
    let body = request.to_string();
    let (status, answer) = answered(fcm::answer(&state, &head, body.as_bytes()));
    let error = &answer["error"];
    let details = error["details"].as_array().cloned().unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mut fields = details.iter();
    let field = fields.find_map(|detail| text(detail.pointer("/fieldViolations/0/field")));
    let code = || text(details.first()?.get("errorCode"));
    let word = field.or_else(code).or_else(|| text(error.get("status")));
    (status, word.unwrap_or_default())
}

#[test]
fn firebase_names_the_field_that_is_wrong() {
    const SEND: &str = "/v1/projects/fanfare/messages:send";
    let sized = |target: &str, bytes: usize| {
        let empty = json!({ "data": { "k": "" } }).to_string().len();
        json!({ target: "x", "data": { "k": "d".repeat(bytes - empty) } })
    };
    let ttl = |ttl: &str| json!({ "token": "x", "android": { "ttl": ttl } });
    for (message, status, word) in [
        (json!({ "token": "x" }), 200, ""),
        (json!({}), 400, "message"),
        (json!({ "token": "x", "topic": "y" }), 400, "message"),
        (json!({ "token": "x", "colour": 1 }), 400, "message.colour"),
        (
            json!({ "token": "x", "data": { "n": 1 } }),
            400,
            "message.data",
        ),
        (json!({ "token": "x y" }), 400, "INVALID_ARGUMENT"),
        (ttl("2419200s"), 200, ""),
        (ttl("2419201s"), 400, "message.android.ttl"),
        (ttl("60"), 400, "message.android.ttl"),
        (ttl("-1s"), 400, "message.android.ttl"),
        (sized("token", 4096), 200, ""),
        (sized("token", 4097), 400, "message"),
        (sized("topic", 2048), 200, ""),
        (sized("topic", 2049), 400, "message"),
    ] {
        let told = fcm_told(SEND, "t", &json!({ "message": message }));
        assert_eq!(told, (status, word.to_owned()), "{message}");
    }
    let good = json!({ "message": { "token": "x" } });
    let extra = json!({ "message": { "token": "x" }, "dry": true });
    let other = "/v1/projects/another/messages:send";
    for (path, token, request, status, word) in [
        (SEND, "t", &extra, 400, "dry"),
        (SEND, "unknown", &good, 401, "UNAUTHENTICATED"),
        (other, "t", &good, 403, "PERMISSION_DENIED"),
        ("/v2/send", "t", &good, 404, "NOT_FOUND"),
    ] {
        let told = fcm_told(path, token, request);
        assert_eq!(told, (status, word.to_owned()), "{path} {token} {request}");
    }
}

#[test]
fn baidu_wants_every_parameter_in_a_form_of_the_last_ten_minutes() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let told = |name: &'static str, value: &str, headers: [&str; 2], method: &str| {
        let now = NOW.to_string();
        let mut form: BTreeMap<_, _> = [
            ("apikey", "key"),
            ("timestamp", now.as_str()),
            ("sign", "s"),
            ("channel_id", "1"),
            ("msg", "{}"),
        ]
        .into();
        form.insert(name, value);
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let [kind, agent] = headers.map(|value| vec![value.to_owned()]);
        let headers = [("content-type", kind), ("user-agent", agent)].into();
        let head = head(method, "/rest/3.0/push/single_device", &headers);
        let state = state();
        let mut inner = state.lock();
        inner
            .key_pairs
            .insert("known".to_owned(), "secret".to_owned());
        drop(inner);
        let answer = baidu::answer(&state, "https://127.0.0.1:4", &head, body.as_bytes());
        let (status, answer) = answered(answer);
        (status, answer["error_code"].as_u64().unwrap_or_default())
    };
    let at = |seconds: u64| seconds.to_string();
    let long = json!({ "title": "x".repeat(4096) }).to_string();
    for (name, value, status, code) in [
        ("msg", "{}", 200, 0),
        ("apikey", "", 400, 30602),
        ("timestamp", "", 400, 30602),
        ("sign", "", 400, 30602),
        ("channel_id", "", 400, 30602),
        ("msg", "", 400, 30602),
        ("msg", "text", 400, 30602),
        ("msg", long.as_str(), 400, 30602),
        ("apikey", "known", 401, 30603),
        ("timestamp", at(NOW - 600).as_str(), 200, 0),
        ("timestamp", at(NOW - 601).as_str(), 400, 30606),
        ("timestamp", at(NOW + 601).as_str(), 400, 30606),
    ] {
        let told = told(name, value, [FORM, "BCCS_SDK/3.0"], "POST");
        assert_eq!(told, (status, code), "{name}={value}");
    }
    let json = told("msg", "{}", ["application/json", "BCCS_SDK/3.0"], "POST");
    let agent = told("msg", "{}", [FORM, "curl"], "POST");
    let method = told("msg", "{}", [FORM, "BCCS_SDK/3.0"], "GET");
    assert_eq!(
        [json, agent, method],
        [(400, 30602), (400, 30602), (405, 30601)]
    );
}

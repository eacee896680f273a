//! What users get wrong, and what they are told.

use domain::api_key::{Access, Scope};
use serde_json::json;
use testkit::Receiver;

use crate::harness::Fanfare;

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_gets_its_named_problem_and_disturbs_nothing() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (endpoint, secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let (admin, producer, device) = (
        fanfare.admin(),
        fanfare.producer(),
        fanfare.system.keys().device().to_owned(),
    );
    let wrong = format!("{}0", &producer[..producer.len() - 1]);
    let huge = format!(
        r#"{{"event":"a.b","data":{{"x":"{}"}}}}"#,
        "y".repeat(256 * 1024)
    );
    let webhook = format!("/webhooks/{endpoint}");
    let table: &[(&str, &str, &str, &str, u16, &str, &str)] = &[
        (
            &producer,
            "POST",
            "/events",
            "{nope",
            400,
            "malformed-json",
            "line 1 column 2",
        ),
        (
            &producer,
            "POST",
            "/events",
            "",
            400,
            "malformed-json",
            "EOF",
        ),
        (
            &producer,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{}} x"#,
            400,
            "malformed-json",
            "trailing",
        ),
        (
            &producer,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{},"dat":1}"#,
            422,
            "invalid-fields",
            "dat: is not a field here",
        ),
        (
            &producer,
            "POST",
            "/events",
            r#"{"data":{}}"#,
            422,
            "invalid-fields",
            "event: is required",
        ),
        (
            &producer,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{},"id":"a.b"}"#,
            422,
            "invalid-fields",
            "id: must be 1 to 128",
        ),
        (
            &producer,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{},"timestamp":"now"}"#,
            422,
            "invalid-fields",
            "RFC 3339",
        ),
        (
            &producer,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{"cut":"\ud83d"}}"#,
            422,
            "invalid-fields",
            "data: must be JSON that every parser reads alike (RFC 7493): half a surrogate pair at line 1 column 15 of it",
        ),
        (
            &producer,
            "POST",
            "/events",
            "[]",
            422,
            "invalid-fields",
            "1 to 100",
        ),
        (
            &producer,
            "POST",
            "/events",
            &huge,
            413,
            "payload-too-large",
            "262144",
        ),
        (
            &producer,
            "POST",
            "/events?dry=1",
            "{}",
            422,
            "invalid-fields",
            "dry: is not a query parameter",
        ),
        (
            &wrong,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{}}"#,
            403,
            "forbidden",
            "",
        ),
        (
            "nonsense",
            "POST",
            "/events",
            r#"{"event":"a.b","data":{}}"#,
            403,
            "forbidden",
            "",
        ),
        (
            &device,
            "POST",
            "/events",
            r#"{"event":"a.b","data":{}}"#,
            403,
            "not-permitted",
            "role or scopes",
        ),
        (
            &producer,
            "POST",
            "/webhooks",
            r#"{"url":"https://example.com"}"#,
            403,
            "not-permitted",
            "",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"http://example.com/"}"#,
            422,
            "invalid-fields",
            "url: ",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://10.0.0.1/"}"#,
            422,
            "invalid-fields",
            "url: ",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://0xa9fea9fe/"}"#,
            422,
            "invalid-fields",
            "url: ",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://API.execute-api.us-east-1.amazonaws.com/v1/networks/demo/events"}"#,
            422,
            "invalid-fields",
            "url: this is an address of Fanfare itself",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://u:p@example.com/"}"#,
            422,
            "invalid-fields",
            "url: ",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://example.com/?token=x"}"#,
            422,
            "invalid-fields",
            "url: ",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://example.com","eventTypes":["a","b c"]}"#,
            422,
            "invalid-fields",
            "eventTypes[1]: ",
        ),
        (
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"https://example.com","eventTypes":[]}"#,
            422,
            "invalid-fields",
            "eventTypes: ",
        ),
        (
            &admin,
            "PUT",
            "/webhooks",
            "{}",
            405,
            "method-not-allowed",
            "POST, GET",
        ),
        (
            &admin,
            "PATCH",
            &webhook,
            r#"{"secret":"x"}"#,
            422,
            "invalid-fields",
            "secret: is not a field here",
        ),
        (
            &admin,
            "GET",
            "/webhooks/ep_x",
            "",
            404,
            "not-found",
            "endpoint",
        ),
        (
            &admin,
            "GET",
            "/deliveries/dlv_x",
            "",
            404,
            "not-found",
            "delivery",
        ),
        (
            &admin,
            "GET",
            "/webhooks?limit=0",
            "",
            422,
            "invalid-fields",
            "limit: ",
        ),
        (
            &admin,
            "GET",
            "/nothing",
            "",
            404,
            "unknown-path",
            "openapi.json",
        ),
    ];
    for (key, method, path, body, status, problem, says) in table {
        let answer = fanfare.call(key, method, path, body, &[]).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (*status, *problem),
            "{method} {path} {}: {}",
            body.get(..60).unwrap_or(body),
            answer.body
        );
        assert!(answer.text("/detail").contains(says), "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(
            !answer.body.to_string().contains("u:p"),
            "credentials were repeated"
        );
    }
    // No key at all.
    let bare = fanfare
        .http
        .post(format!("{}/v1/networks/demo/events", fanfare.system.api()))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
    // Another network's path with this network's key.
    let foreign = fanfare
        .http
        .get(format!(
            "{}/v1/networks/other/webhooks",
            fanfare.system.api()
        ))
        .bearer_auth(&admin)
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
    let foreign: serde_json::Value = foreign.json().await.unwrap();
    assert_eq!(foreign["type"], "/v1/problems/wrong-network");

    // Every problem's type is a page.
    let page = fanfare
        .http
        .get(format!(
            "{}/v1/problems/wrong-network",
            fanfare.system.api()
        ))
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("**Operator.**"));

    // And the good event goes through as ever.
    fanfare
        .report(&json!({ "id": "good", "event": "a.b", "data": {} }))
        .await;
    let received = receiver.wait_for(1).await;
    assert!(received[0].verifies(&secret));
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_scopes_that_do_not_go_together_opens_nothing_and_says_why() {
    let fanfare = Fanfare::start().await;
    // As `fanfare key` made them before it refused the mixture.
    let mixed = Access::Mixed(vec![Scope::Operate, Scope::EventsWrite]);
    let key = fanfare.granted(mixed).await;
    let event = json!({ "event": "a.b", "data": {} });
    let answers = [
        fanfare.post(&key, "/events", &event).await,
        fanfare.call(&key, "GET", "/deliveries", "", &[]).await,
        fanfare.operate(&key, "GET", "/quarantine").await,
    ];
    for refused in answers {
        assert_eq!((refused.status, refused.problem()), (403, "mixed-scopes"));
        let told = refused.text("/detail");
        assert!(told.contains("two keys"), "{told}");
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_paths_answer_without_a_key() {
    let fanfare = Fanfare::start().await;
    let get = async |path: &str| {
        let answer = fanfare
            .http
            .get(format!("{}{path}", fanfare.system.api()))
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            answer.json::<serde_json::Value>().await.unwrap(),
        )
    };
    let (status, health) = get("/v1/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let (status, document) = get("/v1/openapi.json").await;
    assert_eq!(
        (
            status,
            document["openapi"].as_str().unwrap().starts_with("3.1")
        ),
        (200, true)
    );
    let (status, problem) = get("/nowhere").await;
    assert_eq!(
        (status, &problem["type"]),
        (404, &json!("/v1/problems/unknown-path"))
    );
    fanfare.system.stop().await;
}

//! Choosing events: filters tried before they are saved.

use domain::operational;
use serde_json::{Value, json};

use crate::harness::Fanfare;

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_can_be_tried_and_what_an_event_fails_is_told() {
    let fanfare = Fanfare::start().await;
    let admin = fanfare.admin();
    let path = "/webhooks/filter-test";
    let filter = json!({ "event": [{ "prefix": "order." }], "data": { "amount": [{ "numeric": [">=", 10] }] } });
    let tried = |amount: u32| {
        let event = json!({ "event": "order.paid", "data": { "amount": amount } });
        json!({ "filter": filter, "event": event })
    };
    let passes = fanfare.post(&admin, path, &tried(10)).await;
    assert_eq!(passes.status, 200, "{}", passes.body);
    assert_eq!(passes.body, json!({ "matches": true, "failed": [] }));
    let fails = fanfare.post(&admin, path, &tried(9)).await;
    assert_eq!(
        fails.body,
        json!({ "matches": false, "failed": [{
            "pointer": "/data/amount", "wanted": "a number of at least 10", "found": "the number 9",
        }] })
    );
    // The example of the catalogue; and producers, who may not read, may not try.
    let by_sample = json!({ "filter": { "event": ["message.didCreate"], "networkId": ["demo"] }, "sample": "message.didCreate" });
    let passes = fanfare.post(&admin, path, &by_sample).await;
    assert_eq!(passes.body["matches"], true, "{}", passes.body);
    let refused = fanfare.post(&fanfare.producer(), path, &by_sample).await;
    assert_eq!(refused.problem(), "not-permitted");

    for (body, field, rule) in [
        (
            r#"{"filter":{"data":{"a":[{"numeric":[">",1,">"]}]}},"sample":"message.didCreate"}"#,
            "filter/data/a/0/numeric",
            "count",
        ),
        (
            r#"{"filter":{"data":{"a":[1],"a":[2]}},"sample":"message.didCreate"}"#,
            "filter/data/a",
            "duplicate",
        ),
        (r#"{"filter":{"event":["a"]}}"#, "event", "format"),
        (
            r#"{"filter":{"event":["a"]},"sample":"message.didcreate"}"#,
            "sample",
            "unknown",
        ),
        (
            r#"{"filter":{"event":["a"]},"event":{"event":"a b","data":{}}}"#,
            "event.event",
            "format",
        ),
        (r#"{"event":{"event":"a","data":{}}}"#, "filter", "required"),
    ] {
        let refused = fanfare.call(&admin, "POST", path, body, &[]).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.body);
        let error = &refused.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["rule"]),
            (&json!(field), &json!(rule)),
            "{body}"
        );
    }
    // Saving a filter tells the same mistakes at the same places.
    let body = r#"{"url":"https://example.com/","filter":{"data":{"a":[1],"a":[2]}}}"#;
    let refused = fanfare.call(&admin, "POST", "/webhooks", body, &[]).await;
    let error = &refused.body["errors"][0];
    assert_eq!(
        (&error["field"], &error["rule"]),
        (&json!("filter/data/a"), &json!("duplicate"))
    );
    assert_eq!(
        fanfare.get("/webhooks").await.body["items"],
        Value::Array(vec![])
    );
    fanfare.system.stop().await;
}

/// A type of orders.
fn order(description: &str) -> Value {
    json!({
        "description": description,
        "schema": {
            "type": "object", "required": ["orderId"],
            "properties": { "orderId": { "type": "string" }, "amount": { "type": "number", "minimum": 0 } },
        },
        "example": { "orderId": "o-1", "amount": 12.5 },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_has_the_built_in_types_and_the_networks_own_with_versions() {
    let fanfare = Fanfare::start().await;
    let admin = fanfare.admin();
    let made = fanfare
        .put("/event-types/order.paid", &order("Paid."))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.headers["etag"], "\"1\"");
    assert_eq!(made.body["schema"], order("")["schema"]);
    // The same again is no change.
    let same = fanfare
        .put("/event-types/order.paid", &order("Paid."))
        .await;
    assert_eq!((same.status, &same.body["version"]), (200, &json!(1)));

    // Page by page, all of them in order.
    let mut names = Vec::new();
    let mut path = "/event-types?limit=40".to_owned();
    loop {
        let page = fanfare.get(&path).await;
        for item in page.body["items"].as_array().unwrap() {
            assert!(item["schema"].is_object() && item["example"].is_object());
            names.push(item["name"].as_str().unwrap().to_owned());
        }
        match page.body["nextCursor"].as_str() {
            Some(cursor) => {
                path = format!(
                    "/event-types?limit=40&cursor={}",
                    cursor.replace('/', "%2F")
                )
            }
            None => break,
        }
    }
    assert_eq!(names.len(), 102 + operational::TYPES.len());
    assert!(names.is_sorted() && names.contains(&"order.paid".to_owned()));

    // Versions: changed, archived, brought back.
    let change = |body: Value, tag: &'static str| {
        let (fanfare, admin) = (&fanfare, &admin);
        async move {
            let headers = [("if-match", tag)];
            fanfare
                .call(
                    admin,
                    "PUT",
                    "/event-types/order.paid",
                    &body.to_string(),
                    &headers,
                )
                .await
        }
    };
    let stale = change(order("Late."), "\"7\"").await;
    assert_eq!(
        (stale.status, stale.problem()),
        (412, "precondition-failed")
    );
    assert_eq!(
        change(order("Paid in full."), "\"1\"").await.body["version"],
        2
    );
    let gone = fanfare
        .call(&admin, "DELETE", "/event-types/order.paid", "", &[])
        .await;
    assert_eq!(gone.status, 204);
    let archived = fanfare.get("/event-types/order.paid").await;
    assert_eq!(
        (&archived.body["archived"], &archived.body["version"]),
        (&json!(true), &json!(3))
    );
    let back = fanfare
        .put("/event-types/order.paid", &order("Paid."))
        .await;
    assert_eq!(
        (&back.body["archived"], &back.body["version"]),
        (&json!(false), &json!(4))
    );
    let versions = fanfare
        .get("/event-types/order.paid/versions?limit=3")
        .await;
    let told = |page: &Value| -> Vec<(u64, bool)> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| (item["version"].as_u64().unwrap(), item["archived"] == true))
            .collect()
    };
    assert_eq!(told(&versions.body), [(4, false), (3, true), (2, false)]);
    let cursor = versions.text("/nextCursor");
    let rest = fanfare
        .get(&format!("/event-types/order.paid/versions?cursor={cursor}"))
        .await;
    assert_eq!(
        (told(&rest.body), &rest.body["nextCursor"]),
        (vec![(1, false)], &Value::Null)
    );
    assert_eq!(rest.body["items"][0]["description"], "Paid.");

    // A slash in a name, escaped, and as some gateways hand it on.
    let slashed = fanfare
        .put("/event-types/shop%2Forder.paid", &order(""))
        .await;
    assert_eq!(
        (slashed.status, slashed.text("/name").as_str()),
        (201, "shop/order.paid")
    );
    let plain = format!(
        "{}/v1/networks/demo/event-types/shop/order.paid",
        fanfare.system.api()
    );
    let plain = fanfare
        .http
        .get(plain)
        .bearer_auth(&admin)
        .send()
        .await
        .unwrap();
    assert_eq!(plain.json::<Value>().await.unwrap(), slashed.body);
    let built_in = fanfare
        .get("/event-types/push-notification%2Fpost.created")
        .await;
    assert_eq!(
        (&built_in.body["builtIn"], &built_in.body["version"]),
        (&json!(true), &Value::Null)
    );
    let none = fanfare
        .get("/event-types/push-notification%2Fpost.created/versions")
        .await;
    assert_eq!(none.body["items"], json!([]));
    for path in ["/event-types/never.was", "/event-types/never.was/versions"] {
        assert_eq!(fanfare.get(path).await.problem(), "not-found");
    }
    let never = fanfare
        .call(&admin, "DELETE", "/event-types/never.was", "", &[])
        .await;
    assert_eq!(never.problem(), "not-found");
    let producer = fanfare
        .call(
            &fanfare.producer(),
            "PUT",
            "/event-types/a",
            &order("").to_string(),
            &[],
        )
        .await;
    assert_eq!(producer.problem(), "not-permitted");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_breaks_a_rule_is_refused_with_the_place() {
    let fanfare = Fanfare::start().await;
    let with = |schema: Value, example: Value| json!({ "schema": schema, "example": example });
    let fine = || with(json!({}), json!({}));
    for (name, body, field, rule) in [
        ("message.didCreate", fine(), "name", "built_in"),
        (
            "push-notification%2Fpost.created",
            fine(),
            "name",
            "built_in",
        ),
        ("endpoint.disabled", fine(), "name", "reserved"),
        ("order%2Fversions", fine(), "name", "ending"),
        ("a%20b", fine(), "name", "format"),
        (
            "a",
            with(json!({ "type": "thing" }), json!({})),
            "schema/type",
            "schema",
        ),
        (
            "a",
            with(
                json!({ "properties": { "b": { "$ref": "http://169.254.169.254/" } } }),
                json!({}),
            ),
            "schema/properties/b/$ref",
            "reference",
        ),
        (
            "a",
            with(json!({ "not": { "$ref": "#" } }), json!({})),
            "schema/not/$ref",
            "circle",
        ),
        (
            "a",
            with(json!({ "pattern": "(?=a)" }), json!({})),
            "schema/pattern",
            "pattern",
        ),
        (
            "a",
            with(json!({ "description": "x".repeat(33_000) }), json!({})),
            "schema",
            "too_long",
        ),
        (
            "a",
            with(json!({}), json!({ "x": "x".repeat(17_000) })),
            "example",
            "too_long",
        ),
        ("a", with(json!({}), json!([])), "example", "type"),
        (
            "a",
            with(
                json!({ "properties": { "n": { "minimum": 1 } } }),
                json!({ "n": 0 }),
            ),
            "example/n",
            "minimum",
        ),
        ("a", json!({ "schema": {} }), "example", "required"),
        (
            "a",
            json!({ "schema": {}, "example": {}, "version": 3 }),
            "version",
            "unknown",
        ),
    ] {
        let refused = fanfare.put(&format!("/event-types/{name}"), &body).await;
        assert_eq!(refused.status, 422, "{name}: {}", refused.body);
        let error = &refused.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["rule"]),
            (&json!(field), &json!(rule)),
            "{name}"
        );
    }
    for (body, field) in [
        (json!({ "retentionDays": 9 }), "retentionDays"),
        (json!({ "retentionDays": 366 }), "retentionDays"),
        (json!({ "strict": "yes" }), "strict"),
        (json!({ "strict": "on", "colour": 1 }), "colour"),
    ] {
        let refused = fanfare.put("/settings", &body).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (422, &json!(field))
        );
    }
    assert_eq!(
        fanfare.get("/settings").await.body,
        json!({ "retentionDays": 30, "strict": "off" })
    );
    fanfare.system.stop().await;
}

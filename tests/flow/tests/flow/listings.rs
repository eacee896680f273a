//! Pages of listings, and what is not where it is looked for.

use serde_json::json;
use testkit::Receiver;

use crate::harness::{Answer, Fanfare};

const UNKNOWN: &str = "ep_0123456789ABCDEFGHJKMNPQRS";

fn is_refused_cursor(answer: &Answer) {
    assert_eq!(answer.status, 422, "{}", answer.body);
    let error = &answer.body["errors"][0];
    assert_eq!(error["field"], "cursor", "{error}");
    assert_eq!(error["message"], "must be a nextCursor of this listing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_its_own_listing_alone() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (one, _) = fanfare.endpoint(&receiver.url(), &["a.b"]).await;
    let (other, _) = fanfare.endpoint(&receiver.url(), &["a.b"]).await;
    for _ in 0..3 {
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    }
    let items = |a: &Answer| a.body["items"].as_array().map_or(0, Vec::len);
    let whole = format!("/webhooks/{one}/deliveries");
    fanfare.until(&whole, |a| items(a) == 3).await;
    let of = |id: &str| format!("/webhooks/{id}/deliveries?limit=2");
    let cursor = fanfare.get(&of(&one)).await.text("/nextCursor");
    let rest = fanfare.get(&format!("{}&cursor={cursor}", of(&one))).await;
    assert_eq!((items(&rest), rest.body.get("nextCursor")), (1, None));

    let (place, seal) = cursor.rsplit_once('.').unwrap();
    let all = "/deliveries?limit=2".to_owned();
    for (listing, cursor) in [
        (of(&other), cursor.clone()),
        (all, cursor.clone()),
        ("/webhooks?limit=1".to_owned(), cursor.clone()),
        (of(&one), place.to_owned()),
        (of(&one), format!("{}.{seal}", place.replacen('0', "1", 1))),
        (of(&one), format!("{cursor}x")),
        (of(&one), String::new()),
    ] {
        is_refused_cursor(&fanfare.get(&format!("{listing}&cursor={cursor}")).await);
    }
    let jobs = fanfare.get(&format!("/webhooks/{UNKNOWN}/replays")).await;
    assert_eq!((jobs.status, jobs.problem()), (404, "not-found"));
    let jobs = fanfare.get(&format!("/webhooks/{one}/replays")).await;
    assert_eq!((jobs.status, &jobs.body["items"]), (200, &json!([])));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_blanks_is_none() {
    let fanfare = Fanfare::start().await;
    let (id, _) = fanfare
        .endpoint("https://hooks.example.com/", &["a.b"])
        .await;
    let admin = fanfare.admin();
    for body in ["", " ", "\n\t "] {
        for (action, status) in [("disable", 200), ("enable", 200), ("secret/rotations", 201)] {
            let path = format!("/webhooks/{id}/{action}");
            let done = fanfare.call(&admin, "POST", &path, body, &[]).await;
            assert_eq!(done.status, status, "{action} {body:?}: {}", done.body);
        }
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_dropped_is_said_to_be() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (id, _) = fanfare.endpoint(&receiver.url(), &["a.b"]).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let list = format!("/webhooks/{id}/deliveries?status=delivered");
    let some = |a: &Answer| {
        a.body["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty())
    };
    let delivery = fanfare.until(&list, some).await.text("/items/0/id");
    let path = format!("/deliveries/{delivery}");
    for made in 2..=43 {
        let again = format!("{path}/replay");
        let again = fanfare.post(&fanfare.admin(), &again, &json!({})).await;
        assert_eq!(again.status, 202, "{}", again.body);
        fanfare
            .until(&path, |a| {
                a.body["attemptCount"] == made && a.body["status"] == "delivered"
            })
            .await;
    }
    let dropped = fanfare.get(&format!("{path}/attempts/1")).await;
    assert_eq!(dropped.status, 404);
    let words = dropped.text("/detail");
    assert!(words.contains("any more: it was made"), "{words}");
    let kept = fanfare.get(&format!("{path}/attempts/43")).await;
    assert_eq!(kept.status, 200, "{}", kept.body);
    for never in ["0", "44", "x"] {
        let never = fanfare.get(&format!("{path}/attempts/{never}")).await;
        let words = never.text("/detail");
        assert!(!words.contains("any more"), "{words}");
    }
    fanfare.system.stop().await;
}

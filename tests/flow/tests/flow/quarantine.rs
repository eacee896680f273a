//! What can be done about messages that could not be worked on.

use serde_json::json;
use testkit::Receiver;

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::set_aside::send;

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_message_is_explained_sent_back_or_given_up() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    fanfare.endpoint(&receiver.url(), &["*"]).await;
    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap().to_owned();
    for n in 0..3 {
        let body = format!(r#"{{"networkId":"demo","event":"not a name","data":{{"n":{n}}}}}"#);
        let call = sqs.send_message().queue_url(&queue);
        call.message_body(body).send().await.unwrap();
    }
    let items = |count: usize| {
        move |a: &Answer| {
            a.body["items"]
                .as_array()
                .is_some_and(|items| items.len() == count)
        }
    };
    let all = fanfare.until("/quarantine", items(3)).await;
    let first = fanfare.get("/quarantine?limit=2").await;
    let rest = format!("/quarantine?cursor={}", first.text("/nextCursor"));
    let rest = fanfare.get(&rest).await;
    assert_eq!(rest.body["items"][0], all.body["items"][2]);
    assert!(
        all.text("/items/0/reason").contains("event"),
        "{}",
        all.body
    );
    assert!(
        all.text("/items/0/explanation").contains("discard"),
        "{}",
        all.body
    );

    let one = format!("/quarantine/{}", all.text("/items/0/id"));
    let seen = fanfare.get(&one).await;
    assert_eq!((seen.status, &seen.body), (200, &all.body["items"][0]));
    let gone = fanfare
        .call(&fanfare.admin(), "DELETE", &one, "", &[])
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(fanfare.get(&one).await.status, 404);

    // Its cause is not mended: it comes back, as another message.
    let other = all.text("/items/1/id");
    let replayed = operate(&fanfare, &format!("/quarantine/{other}/replay")).await;
    assert_eq!(
        (replayed.status, replayed.text("/id")),
        (202, other.clone())
    );
    let back = fanfare.until("/quarantine", |a| {
        items(2)(a)
            && a.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|item| item["id"] != other.as_str())
    });
    let back = back.await;
    assert_eq!(back.body["items"].as_array().unwrap().len(), 2);
    for missing in ["nonsense", "1767182400000-none"] {
        let none = operate(&fanfare, &format!("/quarantine/{missing}/replay")).await;
        assert_eq!((none.status, none.problem()), (404, "not-found"));
    }
    // One that names no event at all, from the dead letters: nobody knows whose queue it was.
    let dead_letters = "http://sqs.local/000000000000/EventsDeadLetterQueue";
    let call = sqs.send_message().queue_url(dead_letters);
    let body = json!({ "networkId": "demo", "nothing": "known" }).to_string();
    call.message_body(body).send().await.unwrap();
    let three = fanfare.until("/quarantine", items(3)).await;
    let unknown = three.body["items"].as_array().unwrap().iter();
    let unknown = unknown
        .into_iter()
        .find(|item| item["queue"] == "unknown")
        .unwrap();
    let unknown = unknown["id"].as_str().unwrap();
    let refused = operate(&fanfare, &format!("/quarantine/{unknown}/replay")).await;
    assert_eq!((refused.status, refused.problem()), (409, "wrong-state"));
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_replay_queue_that_nobody_reads_goes_back_to_it() {
    let fanfare = Fanfare::start().await;
    let later = json!({ "networkId": "demo", "replayId": "of a later version" }).to_string();
    send(&fanfare, "ReplayQueue", &later, Some("demo")).await;
    let one = |a: &Answer| a.body["items"].as_array().is_some_and(|all| all.len() == 1);
    let kept = fanfare.until("/quarantine", one).await;
    assert_eq!(kept.text("/items/0/queue"), "replays");
    assert_eq!(kept.text("/items/0/body"), later);
    assert!(
        kept.text("/items/0/reason").contains("field"),
        "{}",
        kept.body
    );
    let told = kept.text("/items/0/explanation");
    assert!(told.contains("replay job"), "{told}");

    // Nothing was upgraded, so replay-jobs sets it aside again, as another message.
    let id = kept.text("/items/0/id");
    let back = operate(&fanfare, &format!("/quarantine/{id}/replay")).await;
    assert_eq!(back.status, 202, "{}", back.body);
    let again = fanfare.until("/quarantine", |a| one(a) && a.text("/items/0/id") != id);
    let again = again.await;
    assert_eq!(again.text("/items/0/queue"), "replays");
    assert_eq!(again.text("/items/0/body"), later);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_network_is_the_operators_alone() {
    let fanfare = Fanfare::start().await;
    let operator = fanfare.system.keys().operator().to_owned();
    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap().to_owned();
    for body in [
        "garbage",
        r#"{"event":"a.b","data":{}}"#,
        r#"{"networkId":"NOT ONE"}"#,
    ] {
        let call = sqs.send_message().queue_url(&queue);
        call.message_body(body).send().await.unwrap();
    }
    let list = async |count: usize| {
        for _ in 0..600 {
            let page = fanfare.operate(&operator, "GET", "/quarantine").await;
            assert_eq!(page.status, 200, "{}", page.body);
            if page.body["items"].as_array().unwrap().len() == count {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("never {count} messages");
    };
    let all = list(3).await;
    let first = fanfare
        .operate(&operator, "GET", "/quarantine?limit=2")
        .await;
    let rest = format!("/quarantine?cursor={}", first.text("/nextCursor"));
    let rest = fanfare.operate(&operator, "GET", &rest).await;
    assert_eq!(rest.body["items"][0], all.body["items"][2]);
    let told = all.text("/items/0/explanation");
    assert!(told.contains("no network"), "{told}");

    // No key of a network sees one, whatever its role; and a network's own list lacks them.
    let one = format!("/quarantine/{}", all.text("/items/0/id"));
    let replay = format!("{one}/replay");
    for (method, path) in [
        ("GET", "/quarantine"),
        ("GET", one.as_str()),
        ("POST", replay.as_str()),
        ("DELETE", one.as_str()),
    ] {
        for key in [fanfare.admin(), fanfare.producer()] {
            let refused = fanfare.operate(&key, method, path).await;
            let told = (refused.status, refused.problem());
            assert_eq!(told, (403, "not-permitted"), "{method} {path}");
        }
        // And the operator's key opens no network.
        let refused = fanfare.call(&operator, method, path, "", &[]).await;
        let told = (refused.status, refused.problem());
        assert_eq!(told, (403, "wrong-network"), "{method} {path}");
    }
    assert_eq!(fanfare.get("/quarantine").await.body["items"], json!([]));
    assert_eq!(fanfare.get(&one).await.status, 404);

    let seen = fanfare.operate(&operator, "GET", &one).await;
    assert_eq!((seen.status, &seen.body), (200, &all.body["items"][0]));
    let sent = fanfare.operate(&operator, "POST", &replay).await;
    assert_eq!((sent.status, &sent.body), (202, &seen.body));
    // It still names no network, so it comes back, as another message.
    let back = list(3).await;
    let back = back.body["items"].as_array().unwrap();
    assert!(back.iter().all(|item| item["id"] != seen.body["id"]));
    assert!(back.iter().any(|item| item["body"] == seen.body["body"]));
    for item in back {
        let path = format!("/quarantine/{}", item["id"].as_str().unwrap());
        let gone = fanfare.operate(&operator, "DELETE", &path).await;
        assert_eq!(gone.status, 204);
        let gone = fanfare.operate(&operator, "GET", &path).await;
        assert_eq!((gone.status, gone.problem()), (404, "not-found"));
    }
    list(0).await;
    fanfare.system.stop().await;
}

/// Longer than an item of the table may be, as an event with a push to thousands is.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_is_kept_whole_and_goes_back_whole() {
    let fanfare = Fanfare::start().await;
    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap().to_owned();
    let text: Vec<_> = (0..12_000)
        .map(|n: u32| format!("{:032x}", u128::from(n).pow(4)))
        .collect();
    let body = json!({ "networkId": "demo", "event": "not a name", "data": { "users": text } });
    let body = body.to_string();
    let call = sqs.send_message().queue_url(&queue);
    call.message_body(&body).send().await.unwrap();
    let kept = |a: &Answer| a.body["items"][0]["bodyBytes"] == body.len();
    let first = fanfare.until("/quarantine", kept).await;
    assert!(body.len() > 400_000);

    let id = first.text("/items/0/id");
    let replayed = operate(&fanfare, &format!("/quarantine/{id}/replay")).await;
    assert_eq!(replayed.status, 202);
    // Its cause is not mended: it comes back, for the same reason and as long.
    let again = |a: &Answer| kept(a) && a.body["items"][0]["id"] != first.body["items"][0]["id"];
    let again = fanfare.until("/quarantine", again).await;
    assert_eq!(
        again.body["items"][0]["reason"],
        first.body["items"][0]["reason"]
    );
    assert_eq!(again.body["items"].as_array().unwrap().len(), 1);
}

//! What can be done about messages that could not be worked on.

use serde_json::json;
use testkit::Receiver;

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;

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

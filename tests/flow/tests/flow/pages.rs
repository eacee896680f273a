//! Pages of deliveries whose receivers answer at length.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::attempt::{Attempt, Response};
use domain::delivery::State;
use domain::event::Event;
use domain::event_type::EventType;
use domain::id::{DeliveryId, EndpointId, EventId, NetworkId};
use domain::network::Retention;
use domain::time::Timestamp;
use runtime::Clock;
use serde_json::Value;
use serde_json::value::RawValue;
use store::{Finished, Store};

use crate::harness::Fanfare;

/// What Lambda takes as the answer of a function, in bytes.
/// Source: AWS Lambda quotas, "Invocation payload".
const LAMBDA_TAKES: usize = 6 * 1024 * 1024;

/// Deliveries of each endpoint: more than one answer holds.
const EACH: u64 = 20;

/// A delivery that failed, with an answer of 200 KB in it. The answer is JSON, as most are: half of
/// its bytes are quotes, and each of them takes two bytes in the listing and four in Lambda's answer.
async fn failed(store: &Store, endpoint: EndpointId, number: u64, at: Timestamp) -> DeliveryId {
    let event = Event {
        id: EventId::parse(&format!("event-{number}")).unwrap(),
        network: NetworkId::parse("demo").unwrap(),
        event_type: EventType::parse("a.b").unwrap(),
        data: RawValue::from_string("{}".to_owned()).unwrap(),
        timestamp: at,
        version: "1".to_owned(),
        accepted: at,
    };
    let id = DeliveryId::of(endpoint, at, &event.id);
    let end = at.after(Retention::default().duration());
    let owed = store.owe(&event, id, None, end).await;
    assert!(owed.unwrap());
    let attempt = Attempt {
        response: Some(Response {
            headers: Vec::new(),
            body: r#"{"a":""}"#.repeat(25_000),
            truncated: true,
        }),
        ..Attempt::unsent(1, at, "http_status", "the receiver answered 500")
    };
    let finished = Finished {
        attempt: &attempt,
        state: State::Dead,
        due: None,
    };
    store.record(&event.network, id, finished).await.unwrap();
    id
}

/// The ids of all that a listing has, page after page.
async fn walk(fanfare: &Fanfare, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    let mut page = 0;
    loop {
        page += 1;
        let answer = fanfare.get(&format!("{path}?limit=200{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let in_lambda = Value::String(answer.body.to_string()).to_string().len();
        assert!(in_lambda < LAMBDA_TAKES, "page {page}: {in_lambda} bytes");
        let items = answer.body["items"].as_array().unwrap();
        found.extend(
            items
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = answer.body["nextCursor"].as_str() else {
            assert!(page > 1, "all of it fitted one page");
            return found;
        };
        // Not cut shorter than it must be, or a listing would take more calls than it needs.
        assert!(
            in_lambda > LAMBDA_TAKES / 2,
            "page {page}: {in_lambda} bytes"
        );
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_long_records_comes_in_answers_that_lambda_takes_and_leaves_none_out() {
    let fanfare = Fanfare::start().await;
    let table = &fanfare.system.template().tables[0].name;
    let store = Store::new(fanfare.system.aws().dynamodb(), table);
    let begin = Clock::system().now().before(Duration::from_secs(3600));
    let mut all = Vec::new();
    for _ in 0..2 {
        let (endpoint, _) = fanfare.endpoint("http://127.0.0.1:9/", &["never"]).await;
        let mut newest_first = Vec::new();
        for number in (0..EACH).rev() {
            let at = begin.after(Duration::from_secs(number));
            let id = EndpointId::parse(&endpoint).unwrap();
            newest_first.push(failed(&store, id, number, at).await.to_string());
        }
        let path = format!("/webhooks/{endpoint}/deliveries");
        assert_eq!(walk(&fanfare, &path).await, newest_first);
        all.push(newest_first);
    }
    // Within a page of this one ends one endpoint and begins the other.
    let listed = walk(&fanfare, "/deliveries").await;
    assert_eq!(listed, all.concat());
    let different: BTreeSet<_> = listed.iter().collect();
    assert_eq!(different.len(), listed.len());
    fanfare.system.stop().await;
}

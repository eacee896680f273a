//! The deliveries of a whole network, endpoints that are deleted by now included.

use serde_json::{Value, json};
use testkit::{Receiver, Scripted};

use crate::harness::Fanfare;
use crate::parked::operate;

/// More than one page looks at.
const SILENT: usize = 26;

#[tokio::test(flavor = "multi_thread")]
async fn many_endpoints_are_gone_through_page_by_page_and_deleted_ones_are_among_them() {
    let fanfare = Fanfare::start().await;
    let aborting =
        Receiver::start(|_, _| Scripted::from(500).header("webhook-delivery", "abort-message"))
            .await;
    let (first, _) = fanfare.endpoint(&aborting.url(), &["a.b"]).await;
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(
            fanfare
                .endpoint(&aborting.url(), &["never.reported"])
                .await
                .0,
        );
    }
    let (last, _) = fanfare.endpoint(&aborting.url(), &["a.b"]).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    for endpoint in [&first, &last] {
        let dead = format!("/webhooks/{endpoint}/deliveries?status=dead");
        let one = |a: &crate::harness::Answer| a.body["items"].as_array().unwrap().len() == 1;
        fanfare.until(&dead, one).await;
    }
    let admin = fanfare.admin();
    // The first, the last, and one of those that every page passes over.
    for endpoint in [&first, &silent[3], &last] {
        let path = format!("/webhooks/{endpoint}");
        let gone = fanfare.call(&admin, "DELETE", &path, "", &[]).await;
        assert_eq!(gone.status, 204);
    }

    let dead = "/deliveries?status=dead";
    let page = fanfare.get(dead).await;
    assert_eq!(page.text("/items/0/endpointId"), first);
    assert_eq!(page.body["items"].as_array().unwrap().len(), 1);
    // 25 were looked at; three of the 28 are left.
    let next = page.text("/nextCursor");
    assert!(next.starts_with(&silent[24]), "{next}");
    let rest = fanfare.get(&format!("{dead}&cursor={next}")).await;
    assert_eq!(rest.text("/items/0/endpointId"), last);
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest.body["nextCursor"], Value::Null);

    // Each answer says that nothing can be sent any more, and none advises to.
    let id = page.text("/items/0/id");
    let one = fanfare.get(&format!("/deliveries/{id}")).await;
    assert_eq!(one.body, page.body["items"][0]);
    let told = one.text("/explanation");
    assert!(told.contains("its endpoint is deleted"), "{told}");
    assert!(!told.contains("replay"), "{told}");
    let refused = operate(&fanfare, &format!("/deliveries/{id}/replay")).await;
    assert_eq!((refused.status, refused.problem()), (404, "not-found"));
    let discarded = operate(&fanfare, &format!("/deliveries/{id}/discard")).await;
    assert_eq!(discarded.status, 200, "{}", discarded.body);
    let told = discarded.text("/explanation");
    assert!(told.contains("its endpoint is deleted"), "{told}");
    fanfare.system.stop().await;
}

//! Killed while events are on their way.

use std::collections::HashSet;

use testkit::Receiver;

use crate::served::{Served, arrivals, arrived, ids, twice};

const DELIVERED: usize = 1_000;
const IN_FLIGHT: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_event_survives_kill_9_with_5000_in_flight() {
    let data = tempfile::tempdir().unwrap();
    // Some are delivered, the rest hangs at the receiver or waits in the queues.
    let receiver = Receiver::holding_after(DELIVERED).await;
    let served = Served::start(data.path());
    let (endpoint, secret) = served.endpoint(&receiver).await;
    let accepted = served.report(DELIVERED + IN_FLIGHT).await;
    assert_eq!(accepted.len(), DELIVERED + IN_FLIGHT);
    receiver.wait_for(DELIVERED + 1).await;
    let recorded = served.in_status(&endpoint, "delivered").await;
    assert!(recorded.len() <= DELIVERED, "at least 5,000 are in flight");
    served.kill();
    let in_flight: HashSet<_> = ids(&receiver).difference(&recorded).cloned().collect();

    receiver.release();
    let served = Served::start(data.path());
    arrived(&receiver, accepted.len()).await;
    served.settled(&endpoint, "pending", 0).await;
    assert_eq!(served.in_status(&endpoint, "delivered").await, accepted);
    served.kill();

    let arrivals = arrivals(&receiver, &secret);
    let missing = accepted.iter().filter(|id| !arrivals.contains_key(*id));
    assert_eq!(missing.count(), 0, "accepted and never delivered");
    let twice = twice(&arrivals);
    let wrong: Vec<_> = twice.difference(&in_flight).collect();
    assert!(
        wrong.is_empty(),
        "sent twice though not in flight: {wrong:?}"
    );
}

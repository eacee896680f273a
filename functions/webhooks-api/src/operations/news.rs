//! News about endpoints, for whoever subscribed.

use domain::endpoint::Endpoint;
use domain::id::EventId;
use domain::operational::News;
use queue::Outgoing;
use serde_json::Value;
use telemetry::event::RequestFailed;

use crate::Deps;

/// Reports a change that was made. The change stands whether the queue takes the news or not, so a
/// refusal is for the log alone.
pub(crate) async fn report(deps: &Deps, name: &'static str, endpoint: &Endpoint, more: &Value) {
    tell(deps, endpoint, News::of(name, endpoint, more)).await;
}

/// The same for news that are worded already.
pub(crate) async fn tell(deps: &Deps, endpoint: &Endpoint, news: News) {
    let now = deps.platform.clock.now();
    let network = &endpoint.network;
    let id = EventId::generate(now, deps.platform.random.bytes());
    let outgoing = Outgoing::news(network, &id, &news, now);
    for sent in deps.events.send(&[outgoing]).await {
        if let Err(error) = sent {
            let event = RequestFailed {
                operation: "reportNews",
                request_id: None,
                error: error.to_string(),
            };
            deps.platform.telemetry.emit(&event, now.millis());
        }
    }
}

//! What Fanfare reports about itself, on its way to the events queue.

use std::time::Duration;

use domain::id::{EventId, NetworkId};
use domain::operational::News;
use domain::time::Timestamp;

use crate::Outgoing;
use crate::message::write_news;

impl Outgoing {
    /// The message by which Fanfare reports something about itself to the events queue, at once.
    #[must_use]
    pub fn news(network: &NetworkId, id: &EventId, news: &News, at: Timestamp) -> Self {
        Self {
            body: write_news(network, id, news, at),
            group: network.to_string(),
            delay: Duration::ZERO,
        }
    }
}

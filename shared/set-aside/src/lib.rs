#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

use domain::id::NetworkId;
use queue::Record;
use queue::message::{Malformed, owner};
use runtime::Platform;
use store::{Quarantined, Store};
use telemetry::event::MessageQuarantined;

/// The queue that a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Events, to be fanned out.
    Events,
    /// First tries and retries of deliveries.
    Webhooks,
    /// Pages of replay jobs.
    Replays,
    /// Pages of people to push to.
    Audiences,
    /// Pushes to devices.
    Pushes,
    /// A dead letter that does not look like a message of any queue.
    Unknown,
}

impl Source {
    /// As records and log lines name it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Webhooks => "webhooks",
            Self::Replays => "replays",
            Self::Audiences => "audiences",
            Self::Pushes => "pushes",
            Self::Unknown => "unknown",
        }
    }

    /// Whether our functions send to it with the network as fair-queue group. Those of webhooks are
    /// endpoints, whose ids could be read as names of networks.
    const fn is_grouped_by_network(self) -> bool {
        match self {
            Self::Events | Self::Replays | Self::Audiences | Self::Pushes => true,
            Self::Webhooks | Self::Unknown => false,
        }
    }
}

/// Sets a message aside that its queue cannot carry.
///
/// # Errors
/// When the table does not answer; the message must be received again then.
pub async fn unreadable(
    platform: &Platform,
    store: &Store,
    (source, record): (Source, &Record),
    why: &Malformed,
) -> Result<(), store::Error> {
    let (reason, word) = (why.to_string(), why.word());
    keep(platform, store, (source, record), reason, word).await
}

/// Sets a message aside that is good, and failed as often as its queue allows.
///
/// # Errors
/// When the table does not answer; the message must be received again then.
pub async fn worn_out(
    platform: &Platform,
    store: &Store,
    (source, record): (Source, &Record),
) -> Result<(), store::Error> {
    let reason = "received as often as the queue allows, without success; the operator's log has the errors under this message id";
    let (reason, word) = (reason.to_owned(), "received_too_often");
    keep(platform, store, (source, record), reason, word).await
}

/// `word` is what the log says: the `reason` can quote the message.
async fn keep(
    platform: &Platform,
    store: &Store,
    (source, record): (Source, &Record),
    reason: String,
    word: &'static str,
) -> Result<(), store::Error> {
    let message = Quarantined {
        network: whose(source, record),
        queue: source.word().to_owned(),
        message_id: record.message_id.clone(),
        reason,
        at: record.sent,
        body: record.body.clone(),
    };
    store.quarantine(&message).await?;
    let event = MessageQuarantined {
        queue: source.word(),
        message_id: message.message_id,
        reason: word,
        quarantined: 1,
    };
    platform
        .telemetry
        .emit(&event, platform.clock.now().millis());
    Ok(())
}

/// The network that the message names; of one that names none, the network in whose group it was
/// sent. A producer that sends straight to the events queue may use groups of its own.
fn whose(source: Source, record: &Record) -> Option<NetworkId> {
    owner(&record.body).or_else(|| {
        let group = record.group.as_deref();
        let group = group.filter(|_| source.is_grouped_by_network());
        group.and_then(NetworkId::parse)
    })
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;

    use super::*;

    const ALL: [Source; 6] = [
        Source::Events,
        Source::Webhooks,
        Source::Replays,
        Source::Audiences,
        Source::Pushes,
        Source::Unknown,
    ];

    fn owner_of(source: Source, body: &str, group: Option<&str>) -> Option<String> {
        let record = Record {
            message_id: "m-1".to_owned(),
            body: body.to_owned(),
            receive_count: 1,
            sent: Timestamp::EPOCH,
            first_received: Timestamp::EPOCH,
            group: group.map(str::to_owned),
        };
        whose(source, &record).map(|network| network.to_string())
    }

    #[test]
    fn a_message_belongs_to_the_network_that_it_names_whatever_its_group() {
        for source in ALL {
            for group in [None, Some("partition-7")] {
                let owner = owner_of(source, r#"{"networkId":"acme"}"#, group);
                assert_eq!(owner.as_deref(), Some("acme"), "{source:?}");
            }
        }
    }

    #[test]
    fn a_message_without_a_name_belongs_to_its_group_where_groups_are_networks() {
        let by_group = ALL.map(|source| owner_of(source, "no JSON", Some("acme")));
        let acme = Some("acme".to_owned());
        let expected = [&acme, &None, &acme, &acme, &acme, &None];
        let by_group = by_group.each_ref();
        assert_eq!(by_group, expected);
        for source in ALL {
            assert_eq!(owner_of(source, "no JSON", Some("no network!")), None);
            assert_eq!(owner_of(source, "{}", None), None);
        }
    }
}

//! The wire format of the replay queue.

use domain::id::{EndpointId, NetworkId, ReplayId};
use serde::{Deserialize, Serialize};

use crate::message::{Malformed, write};

/// Work on the next page of a job. Which page that is, the job's record says: a message received
/// twice, or very late, repeats nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayMessage {
    /// The network of the endpoint.
    pub network: NetworkId,
    /// Whose deliveries.
    pub endpoint: EndpointId,
    /// The job.
    pub replay: ReplayId,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    network_id: String,
    endpoint_id: String,
    replay_id: String,
}

impl ReplayMessage {
    /// The message's JSON, as [`read`](Self::read) takes it.
    #[must_use]
    pub fn write(&self) -> String {
        write(&Wire {
            network_id: self.network.to_string(),
            endpoint_id: self.endpoint.to_string(),
            replay_id: self.replay.to_string(),
        })
    }

    /// # Errors
    /// When the body is not one of ours.
    pub fn read(body: &str) -> Result<Self, Malformed> {
        let wire: Wire = serde_json::from_str(body).map_err(Malformed::Json)?;
        let bad = Malformed::foreign;
        Ok(Self {
            network: NetworkId::parse(&wire.network_id).ok_or_else(|| bad("networkId"))?,
            endpoint: EndpointId::parse(&wire.endpoint_id).ok_or_else(|| bad("endpointId"))?,
            replay: ReplayId::parse(&wire.replay_id).ok_or_else(|| bad("replayId"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

    #[test]
    fn a_message_comes_back_as_it_was_and_no_other_is_taken_for_one() {
        let message = ReplayMessage {
            network: NetworkId::parse("demo").unwrap(),
            endpoint: EndpointId::from_bytes([1; 16]),
            replay: ReplayId::generate(Timestamp::EPOCH, [2; 10]),
        };
        assert_eq!(ReplayMessage::read(&message.write()).unwrap(), message);
        for foreign in [
            "garbage",
            "{}",
            r#"{"networkId":"demo","endpointId":"x","replayId":"y"}"#,
            r#"{"networkId":"demo","event":"a.b","data":{}}"#,
        ] {
            assert!(ReplayMessage::read(foreign).is_err(), "{foreign}");
        }
    }
}

//! The message of a delivery, as the webhook queue, the retry queue and the slow queue carry it.

use domain::event::Event;
use domain::event_type::EventType;
use domain::id::{DeliveryId, EventId, NetworkId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Malformed, write};

/// A message of the webhook queue: make attempt `attempt` of delivery `delivery`.
#[derive(Debug, Clone)]
pub struct DeliveryMessage {
    /// The network whose endpoint it goes to.
    pub network: NetworkId,
    /// Names the endpoint too.
    pub delivery: DeliveryId,
    /// What is delivered; also where its body is read when it does not ride.
    pub event: EventId,
    /// From 1.
    pub attempt: u32,
    /// Version the endpoint had when this was sent; an older cached endpoint is stale.
    pub endpoint_version: u64,
    /// The message may be a copy of one sent before: look at the record first.
    pub repeated: bool,
    /// When the first message for this attempt was sent, if it has been replaced since: how long
    /// there has been time for a copy of it.
    pub first_sent: Option<Timestamp>,
    /// Its endpoint is slow, and it belongs to the slow queue.
    pub slow: bool,
    /// Where it stands with an endpoint that takes only so many a second.
    pub turn: Turn,
    /// The event itself; absent when it is too large to ride, or when the sender had not read it.
    pub body: Option<EventBody>,
}

/// Where a message stands with an endpoint that takes only so many attempts a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// It has no moment, and asks for one when it comes.
    #[default]
    Unasked,
    /// A moment is kept for it, as long as the endpoint's rate is the one that was set then.
    Reserved {
        /// Not before this. It can lie further ahead than the queue holds a message back.
        at: Timestamp,
        /// The endpoint's version that set the rate by which it was given.
        since: u64,
        /// How many moments before this it came too late for.
        missed: u32,
    },
    /// Its moment has come, says a message that an earlier version wrote.
    Come,
    /// It was sent away this often without a moment, because too many wait.
    SentAway(u32),
}

/// What of an event a receiver is told.
#[derive(Debug, Clone)]
pub struct EventBody {
    /// What endpoints choose by.
    pub event_type: EventType,
    /// When it happened, as the producer says; else when it was accepted.
    pub timestamp: Timestamp,
    /// 1 to 32 visible ASCII characters.
    pub version: String,
    /// A JSON object, with the whitespace and key order of the producer.
    pub data: Box<RawValue>,
}

/// SQS bills a message in chunks of 64 KiB, so a larger body costs more than reading it back.
const MAX_RIDING: usize = 60 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryWire {
    network_id: String,
    delivery_id: String,
    event_id: String,
    attempt: u32,
    endpoint_version: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_sent: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    slow: bool,
    /// All that earlier versions wrote of a turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    reserved: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moment: Option<MomentWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_away: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<BodyWire>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MomentWire {
    at: u64,
    #[serde(default)]
    since: u64,
    #[serde(default, skip_serializing_if = "super::is_zero")]
    missed: u32,
}

impl DeliveryWire {
    fn turn(&self) -> Turn {
        match (self.moment, self.sent_away) {
            (Some(moment), _) => Turn::Reserved {
                at: Timestamp::from_millis(moment.at),
                since: moment.since,
                missed: moment.missed,
            },
            (None, Some(times)) => Turn::SentAway(times),
            (None, None) if self.reserved => Turn::Come,
            (None, None) => Turn::Unasked,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BodyWire {
    event: String,
    timestamp: u64,
    version: String,
    data: Box<RawValue>,
}

impl EventBody {
    /// The part of `event` that rides in a message; `None` when it is too large to.
    #[must_use]
    pub fn riding(event: &Event) -> Option<Self> {
        (event.data.get().len() <= MAX_RIDING).then(|| Self {
            event_type: event.event_type.clone(),
            timestamp: event.timestamp,
            version: event.version.clone(),
            data: event.data.clone(),
        })
    }
}

impl DeliveryMessage {
    /// The message that asks for one attempt, when nothing else is known.
    #[must_use]
    pub fn of(network: &NetworkId, delivery: DeliveryId, event: &EventId, attempt: u32) -> Self {
        Self {
            network: network.clone(),
            delivery,
            event: event.clone(),
            attempt,
            endpoint_version: 0,
            repeated: false,
            first_sent: None,
            slow: false,
            turn: Turn::Unasked,
            body: None,
        }
    }

    /// The message's JSON, as [`read`](Self::read) takes it.
    #[must_use]
    pub fn write(&self) -> String {
        let wire = DeliveryWire {
            network_id: self.network.to_string(),
            delivery_id: self.delivery.to_string(),
            event_id: self.event.to_string(),
            attempt: self.attempt,
            endpoint_version: self.endpoint_version,
            repeated: self.repeated,
            first_sent: self.first_sent.map(Timestamp::millis),
            slow: self.slow,
            reserved: self.turn == Turn::Come,
            moment: match self.turn {
                Turn::Reserved { at, since, missed } => Some(MomentWire {
                    at: at.millis(),
                    since,
                    missed,
                }),
                Turn::Unasked | Turn::Come | Turn::SentAway(_) => None,
            },
            sent_away: match self.turn {
                Turn::SentAway(times) => Some(times),
                Turn::Unasked | Turn::Come | Turn::Reserved { .. } => None,
            },
            event: self.body.as_ref().map(|body| BodyWire {
                event: body.event_type.to_string(),
                timestamp: body.timestamp.millis(),
                version: body.version.clone(),
                data: body.data.clone(),
            }),
        };
        write(&wire)
    }

    /// # Errors
    /// When the body is not one of ours.
    pub fn read(body: &str) -> Result<Self, Malformed> {
        let wire: DeliveryWire = serde_json::from_str(body).map_err(Malformed::Json)?;
        let bad = Malformed::foreign;
        if wire.attempt == 0 {
            return Err(bad("attempt"));
        }
        let turn = wire.turn();
        let body = wire.event.map(|body| {
            Some(EventBody {
                event_type: EventType::parse(&body.event)?,
                timestamp: Timestamp::from_millis(body.timestamp),
                version: body.version,
                data: body.data,
            })
        });
        Ok(Self {
            network: NetworkId::parse(&wire.network_id).ok_or_else(|| bad("networkId"))?,
            delivery: DeliveryId::parse(&wire.delivery_id).ok_or_else(|| bad("deliveryId"))?,
            event: EventId::parse(&wire.event_id).ok_or_else(|| bad("eventId"))?,
            attempt: wire.attempt,
            endpoint_version: wire.endpoint_version,
            repeated: wire.repeated,
            first_sent: wire.first_sent.map(Timestamp::from_millis),
            slow: wire.slow,
            turn,
            body: match body {
                None => None,
                Some(None) => return Err(bad("event")),
                Some(body) => body,
            },
        })
    }

    /// Whether nobody tried the delivery before, nor may have.
    #[must_use]
    pub fn is_first_try(&self) -> bool {
        self.attempt == 1 && !self.repeated
    }

    /// The fair-queue group it is sent in: its endpoint's, or the one of what is late there. So no
    /// fresh event waits behind a backlog of retries and replays, wherever both are in one queue.
    #[must_use]
    pub fn group(&self) -> String {
        let endpoint = self.delivery.endpoint();
        if self.is_first_try() {
            endpoint.to_string()
        } else {
            format!("{endpoint}/late")
        }
    }

    /// The event as the receiver is told it, when it rode along.
    #[must_use]
    pub fn riding_event(&self) -> Option<Event> {
        let body = self.body.as_ref()?;
        Some(Event {
            id: self.event.clone(),
            network: self.network.clone(),
            event_type: body.event_type.clone(),
            data: body.data.clone(),
            timestamp: body.timestamp,
            version: body.version.clone(),
            accepted: self.delivery.accepted(),
        })
    }
}

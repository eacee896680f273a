//! What can be set on a queue: the ranges AWS allows, and the wire's text map.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{Code, SqsError};
use super::message::MAXIMUM_BYTES;

pub(crate) const ARN_PREFIX: &str = "arn:aws:sqs:us-east-1:000000000000:";
pub(crate) const MAXIMUM_VISIBILITY_SECONDS: u32 = 43_200;
pub(crate) const MAXIMUM_DELAY_SECONDS: u32 = 900;
pub(crate) const MAXIMUM_WAIT_SECONDS: u32 = 20;

/// The settings of a queue; the default is AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAttributes {
    pub delay_seconds: u32,
    pub maximum_message_bytes: u32,
    pub retention_seconds: u32,
    pub receive_wait_seconds: u32,
    pub visibility_timeout_seconds: u32,
    pub redrive: Option<Redrive>,
    /// Attributes that change nothing here (policies, encryption), kept and returned as they came.
    pub other: BTreeMap<String, String>,
}

/// After `max_receive_count` receives a message moves to `dead_letter_queue`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The name of the dead-letter queue, not its ARN.
    pub dead_letter_queue: String,
    pub max_receive_count: u32,
}

impl Default for QueueAttributes {
    fn default() -> Self {
        Self {
            delay_seconds: 0,
            maximum_message_bytes: u32::try_from(MAXIMUM_BYTES).unwrap_or(u32::MAX),
            retention_seconds: 345_600,
            receive_wait_seconds: 0,
            visibility_timeout_seconds: 30,
            redrive: None,
            other: BTreeMap::new(),
        }
    }
}

impl QueueAttributes {
    /// Applies the wire's map of texts; the first bad value refuses the request.
    pub(crate) fn apply(&mut self, changes: &BTreeMap<String, String>) -> Result<(), SqsError> {
        for (name, value) in changes {
            match name.as_str() {
                "DelaySeconds" => {
                    self.delay_seconds = number(name, value, 0, MAXIMUM_DELAY_SECONDS)?
                }
                "MaximumMessageSize" => {
                    self.maximum_message_bytes = number(name, value, 1_024, 1_048_576)?
                }
                "MessageRetentionPeriod" => {
                    self.retention_seconds = number(name, value, 60, 1_209_600)?
                }
                "ReceiveMessageWaitTimeSeconds" => {
                    self.receive_wait_seconds = number(name, value, 0, MAXIMUM_WAIT_SECONDS)?;
                }
                "VisibilityTimeout" => {
                    self.visibility_timeout_seconds =
                        number(name, value, 0, MAXIMUM_VISIBILITY_SECONDS)?;
                }
                "RedrivePolicy" => self.redrive = redrive(value)?,
                "Policy"
                | "RedriveAllowPolicy"
                | "KmsMasterKeyId"
                | "KmsDataKeyReusePeriodSeconds"
                | "SqsManagedSseEnabled" => {
                    self.other.insert(name.clone(), value.clone());
                }
                "FifoQueue"
                | "ContentBasedDeduplication"
                | "DeduplicationScope"
                | "FifoThroughputLimit" => {
                    return Err(fifo_unsupported());
                }
                _ => return Err(unknown_name(name)),
            }
        }
        Ok(())
    }

    /// Checks values that came through the typed interface.
    pub(crate) fn check(&self) -> Result<(), SqsError> {
        Self::default().apply(&self.settings())
    }

    /// The settings as the wire's map of texts.
    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        let mut map = self.other.clone();
        let mut set = |name: &str, value: u32| map.insert(name.to_owned(), value.to_string());
        set("DelaySeconds", self.delay_seconds);
        set("MaximumMessageSize", self.maximum_message_bytes);
        set("MessageRetentionPeriod", self.retention_seconds);
        set("ReceiveMessageWaitTimeSeconds", self.receive_wait_seconds);
        set("VisibilityTimeout", self.visibility_timeout_seconds);
        if let Some(redrive) = &self.redrive {
            let policy = serde_json::json!({
                "deadLetterTargetArn": arn(&redrive.dead_letter_queue),
                "maxReceiveCount": redrive.max_receive_count,
            });
            map.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        map
    }
}

pub(crate) fn arn(queue: &str) -> String {
    format!("{ARN_PREFIX}{queue}")
}

pub(crate) fn fifo_unsupported() -> SqsError {
    let message = "FIFO queues are not part of this local service; create a standard queue, \
         and set MessageGroupId on its messages for fair ordering between groups.";
    SqsError::new(Code::UnsupportedOperation, message)
}

pub(crate) fn unknown_name(name: &str) -> SqsError {
    SqsError::new(
        Code::InvalidAttributeName,
        format!("Unknown Attribute {name}."),
    )
}

fn invalid_value(name: &str) -> SqsError {
    SqsError::new(
        Code::InvalidAttributeValue,
        format!("Invalid value for the parameter {name}."),
    )
}

fn number(name: &str, value: &str, low: u32, high: u32) -> Result<u32, SqsError> {
    match value.parse::<u32>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(invalid_value(name)),
    }
}

fn redrive(value: &str) -> Result<Option<Redrive>, SqsError> {
    // An empty policy removes the redrive, as on AWS.
    if value.is_empty() {
        return Ok(None);
    }
    let refuse = |reason: &str| SqsError::parameter("RedrivePolicy", value, reason);
    let policy: serde_json::Value = serde_json::from_str(value)
        .map_err(|_| refuse("Redrive policy is not a valid JSON map."))?;
    let target = policy
        .get("deadLetterTargetArn")
        .and_then(serde_json::Value::as_str);
    let target = target.ok_or_else(|| {
        refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    })?;
    // AWS takes the count as a number and as a text.
    let count = policy.get("maxReceiveCount").and_then(|count| match count {
        serde_json::Value::String(text) => text.parse().ok(),
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    });
    let count = count.ok_or_else(|| {
        refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
    })?;
    let max_receive_count = u32::try_from(count)
        .ok()
        .filter(|count| (1..=1_000).contains(count))
        .ok_or_else(|| refuse("Invalid value for maxReceiveCount: must be between 1 and 1000."))?;
    let dead_letter_queue = target.rsplit(':').next().unwrap_or_default().to_owned();
    Ok(Some(Redrive {
        dead_letter_queue,
        max_receive_count,
    }))
}

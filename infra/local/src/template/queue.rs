//! Queues.

use serde::Deserialize;

use super::TemplateError;
use super::reader::Reader;
use crate::world;

/// A standard queue; what is `None` keeps AWS's default.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    pub logical: String,
    pub name: String,
    pub visibility_seconds: Option<u32>,
    pub retention_seconds: Option<u32>,
    pub delay_seconds: Option<u32>,
    pub maximum_message_bytes: Option<u32>,
    pub receive_wait_seconds: Option<u32>,
    pub redrive: Option<Redrive>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Redrive {
    /// Name of the dead-letter queue.
    pub queue: String,
    pub max_receives: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    visibility_timeout: Option<u32>,
    message_retention_period: Option<u32>,
    delay_seconds: Option<u32>,
    maximum_message_size: Option<u32>,
    receive_message_wait_time_seconds: Option<u32>,
    redrive_policy: Option<RedrivePolicy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: u32,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Queue, TemplateError> {
    let properties: Properties = reader.typed(
        &[
            "DelaySeconds",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueName",
            "ReceiveMessageWaitTimeSeconds",
            "RedrivePolicy",
            "VisibilityTimeout",
        ],
        &[
            "KmsMasterKeyId",
            "RedriveAllowPolicy",
            "SqsManagedSseEnabled",
            "Tags",
        ],
    )?;
    let redrive = properties
        .redrive_policy
        .map(|policy| redrive(reader, &policy))
        .transpose()?;
    Ok(Queue {
        logical: reader.logical.to_owned(),
        name: reader.name()?,
        visibility_seconds: properties.visibility_timeout,
        retention_seconds: properties.message_retention_period,
        delay_seconds: properties.delay_seconds,
        maximum_message_bytes: properties.maximum_message_size,
        receive_wait_seconds: properties.receive_message_wait_time_seconds,
        redrive,
    })
}

fn redrive(reader: &Reader<'_>, policy: &RedrivePolicy) -> Result<Redrive, TemplateError> {
    let name = policy
        .dead_letter_target_arn
        .strip_prefix(&world::arn("sqs", ""));
    let name = name.ok_or_else(|| {
        reader.property(
            "RedrivePolicy.deadLetterTargetArn",
            "is not a queue of this template; use !GetAtt <queue>.Arn",
        )
    })?;
    Ok(Redrive {
        queue: name.to_owned(),
        max_receives: policy.max_receive_count,
    })
}

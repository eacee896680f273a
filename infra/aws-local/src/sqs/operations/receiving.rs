//! `ReceiveMessage`: what a receiver asks for, and what it is told about each message.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Sqs;
use super::super::attributes::{MAXIMUM_WAIT_SECONDS, unknown_name};
use super::super::error::SqsError;
use super::super::held::Handed;
use super::super::message::{MessageAttributes, md5_of_attributes};
use super::super::transfer::check_visibility;
use super::super::wire::{Message, Messages, ReceiveMessage};

const MAXIMUM_MESSAGES: i64 = 10;
const SENDER: &str = "AIDALOCALSENDER";

/// Which system attributes exist; the first five are on every standard queue's message.
const SYSTEM_ATTRIBUTES: &[&str] = &[
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "SenderId",
    "SentTimestamp",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SequenceNumber",
];

impl Sqs {
    pub(super) async fn receive_message(
        &self,
        request: ReceiveMessage,
    ) -> Result<Messages, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        let most = request.max_number_of_messages.unwrap_or(1);
        if !(1..=MAXIMUM_MESSAGES).contains(&most) {
            let reason = "Must be between 1 and 10, if provided.";
            return Err(SqsError::parameter("MaxNumberOfMessages", most, reason));
        }
        let visibility = request
            .visibility_timeout
            .map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        visibility.map_or(Ok(()), check_visibility)?;
        let default_wait = queue.shelf().attributes.receive_wait_seconds;
        let wait = wait_seconds(request.wait_time_seconds, default_wait)?;
        let mut asked = request.attribute_names;
        asked.extend(request.message_system_attribute_names);
        if let Some(unknown) = asked
            .iter()
            .find(|name| !SYSTEM_ATTRIBUTES.contains(&name.as_str()))
        {
            return Err(unknown_name(unknown));
        }
        let most = usize::try_from(most).unwrap_or(1);
        let handed = self
            .take(&queue, most, visibility, Duration::from_secs(wait.into()))
            .await?;
        let names = request.message_attribute_names;
        Ok(Messages {
            messages: handed
                .iter()
                .map(|handed| message(handed, &asked, &names))
                .collect(),
        })
    }
}

fn wait_seconds(given: Option<i64>, default: u32) -> Result<u32, SqsError> {
    let Some(seconds) = given else {
        return Ok(default);
    };
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= MAXIMUM_WAIT_SECONDS)
        .ok_or_else(|| {
            SqsError::parameter(
                "WaitTimeSeconds",
                seconds,
                "Must be >= 0 and <= 20, if provided.",
            )
        })
}

fn message(handed: &Handed, asked: &[String], names: &[String]) -> Message {
    let content = &handed.content;
    let message_attributes = chosen(&content.attributes, names);
    Message {
        message_id: content.message_id.clone(),
        receipt_handle: handed.receipt.to_string(),
        body_md5: content.body_md5.clone(),
        body: content.body.clone(),
        attributes: system_attributes(handed, asked),
        // The checksum covers what is returned, not what was sent.
        attributes_md5: md5_of_attributes(message_attributes.iter()),
        message_attributes,
    }
}

fn system_attributes(handed: &Handed, asked: &[String]) -> BTreeMap<&'static str, String> {
    if asked.is_empty() {
        return BTreeMap::new();
    }
    let content = &handed.content;
    let mut all = BTreeMap::from([
        (
            "ApproximateFirstReceiveTimestamp",
            handed.receives.first_ms.to_string(),
        ),
        ("ApproximateReceiveCount", handed.receives.count.to_string()),
        ("SenderId", SENDER.to_owned()),
        ("SentTimestamp", content.sent_ms.to_string()),
    ]);
    all.extend(
        content
            .group
            .as_ref()
            .map(|group| ("MessageGroupId", group.to_string())),
    );
    all.extend(
        content
            .trace
            .as_ref()
            .map(|trace| ("AWSTraceHeader", trace.clone())),
    );
    all.extend(
        handed
            .source
            .as_ref()
            .map(|source| ("DeadLetterQueueSourceArn", source.to_string())),
    );
    if !asked.iter().any(|name| name == "All") {
        all.retain(|name, _| asked.iter().any(|asked| asked == name));
    }
    all
}

/// `All`, `.*`, a `prefix.*`, or exact names.
fn chosen(attributes: &MessageAttributes, names: &[String]) -> MessageAttributes {
    let wanted = |name: &str| {
        names.iter().any(|asked| match asked.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => asked == "All" || asked == name,
        })
    };
    attributes
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

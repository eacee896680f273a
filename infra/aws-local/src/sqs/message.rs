//! A message as it was sent, and the rules a sender must keep.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::error::{Code, SqsError};

/// The total of one message, and of one batch: 1 MiB.
pub(crate) const MAXIMUM_BYTES: usize = 1_048_576;
const MAXIMUM_ATTRIBUTES: usize = 10;
const MAXIMUM_NAME: usize = 256;
const MAXIMUM_GROUP: usize = 128;

/// A message attribute as SQS carries it: text or base64, exactly as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// Base64, as in the JSON protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// Sorted by name, which is also the order of the checksum.
pub type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// What never changes about a message.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) id: u64,
    pub(crate) message_id: String,
    pub(crate) body: String,
    pub(crate) body_md5: String,
    pub(crate) attributes: MessageAttributes,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) trace: Option<String>,
    pub(crate) sent_ms: u64,
}

pub(crate) fn check_body(body: &str) -> Result<(), SqsError> {
    if body.is_empty() {
        return Err(SqsError::missing("MessageBody"));
    }
    // Cheap first: only control characters and the two non-characters are forbidden.
    if body.chars().any(is_forbidden) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | \
             #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
        return Err(SqsError::new(Code::InvalidMessageContents, message));
    }
    Ok(())
}

// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn is_forbidden(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

pub(crate) fn check_group(group: &str) -> Result<(), SqsError> {
    let valid =
        (1..=MAXIMUM_GROUP).contains(&group.len()) && group.chars().all(|c| c.is_ascii_graphic());
    if valid {
        return Ok(());
    }
    let reason = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
    Err(SqsError::parameter("MessageGroupId", group, reason))
}

/// Checks every attribute and returns the bytes they add to the message.
pub(crate) fn check_attributes(attributes: &MessageAttributes) -> Result<usize, SqsError> {
    if attributes.len() > MAXIMUM_ATTRIBUTES {
        let message = format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAXIMUM_ATTRIBUTES}].",
            attributes.len()
        );
        return Err(SqsError::new(Code::InvalidParameterValue, message));
    }
    let mut bytes = 0;
    for (name, attribute) in attributes {
        check_attribute_name(name)?;
        bytes += name.len() + attribute.data_type.len() + value_bytes(name, attribute)?.len();
    }
    Ok(bytes)
}

fn check_attribute_name(name: &str) -> Result<(), SqsError> {
    let lower = name.to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let invalid = !(1..=MAXIMUM_NAME).contains(&name.len())
        || !name.chars().all(allowed)
        || lower.starts_with("aws.")
        || lower.starts_with("amazon.")
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..");
    if invalid {
        let message = format!("The message attribute name '{name}' is invalid.");
        return Err(SqsError::new(Code::InvalidParameterValue, message));
    }
    Ok(())
}

fn value_bytes(name: &str, attribute: &MessageAttribute) -> Result<Vec<u8>, SqsError> {
    let refuse = |message: String| Err(SqsError::new(Code::InvalidParameterValue, message));
    let kind = attribute.data_type.split('.').next().unwrap_or_default();
    let value = match (kind, &attribute.string_value, &attribute.binary_value) {
        ("String" | "Number", Some(text), None) => text.clone().into_bytes(),
        ("Binary", None, Some(text)) => match STANDARD.decode(text) {
            Ok(bytes) => bytes,
            Err(_) => {
                return refuse(format!(
                    "The message attribute '{name}' is not valid base64."
                ));
            }
        },
        ("String" | "Number" | "Binary", _, _) => {
            let message = format!(
                "The message attribute '{name}' with type '{kind}' must use field '{}'.",
                if kind == "Binary" { "Binary" } else { "String" }
            );
            return refuse(message);
        }
        _ => {
            return refuse(format!(
                "The type of message attribute '{name}' is invalid. You must use only the following \
                 supported type prefixes: Binary, Number, String."
            ));
        }
    };
    if value.is_empty() {
        return refuse(format!(
            "Message attribute '{name}' must contain a non-empty value of type '{kind}'."
        ));
    }
    if kind == "Number"
        && attribute
            .string_value
            .as_deref()
            .is_some_and(|text| text.parse::<f64>().is_err())
    {
        return refuse(format!(
            "Can't cast the value of message attribute '{name}' to a number."
        ));
    }
    Ok(value)
}

pub(crate) fn md5_of(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// The checksum SDKs recompute: length-prefixed name, type and value of each attribute, by name.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(crate) fn md5_of_attributes<'a>(
    attributes: impl Iterator<Item = (&'a String, &'a MessageAttribute)>,
) -> Option<String> {
    let mut hasher = None;
    for (name, attribute) in attributes {
        let digest = hasher.get_or_insert_with(Md5::new);
        add(digest, name.as_bytes());
        add(digest, attribute.data_type.as_bytes());
        match (&attribute.string_value, &attribute.binary_value) {
            (Some(text), _) => {
                digest.update([1]);
                add(digest, text.as_bytes());
            }
            (None, binary) => {
                digest.update([2]);
                // Checked when the message was sent.
                add(
                    digest,
                    &STANDARD
                        .decode(binary.as_deref().unwrap_or_default())
                        .unwrap_or_default(),
                );
            }
        }
    }
    hasher.map(|digest| hex(&digest.finalize()))
}

fn add(digest: &mut Md5, bytes: &[u8]) {
    // No part of a message is longer than 1 MiB.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

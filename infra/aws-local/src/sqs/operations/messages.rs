//! Sending, deleting and delaying messages, alone and in batches.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::Sqs;
use super::super::attributes::MAXIMUM_DELAY_SECONDS;
use super::super::error::{Code, SqsError};
use super::super::message::{
    Content, MAXIMUM_BYTES, MessageAttributes, check_attributes, check_body, check_group,
    md5_of_attributes,
};
use super::super::queue::Queue;
use super::super::receipt::Receipt;
use super::super::transfer::Outgoing;
use super::super::wire::{
    Batch, BatchAnswer, Empty, EntryDone, Receipts, SendEntry, Sent, Visibility,
};

const BATCH_ENTRIES: usize = 10;
const MAXIMUM_ENTRY_ID: usize = 80;
const TRACE_ATTRIBUTE: &str = "AWSTraceHeader";

impl Sqs {
    pub(super) async fn send_message(&self, request: SendEntry) -> Result<Sent, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        let system_md5 = md5_of_attributes(request.message_system_attributes.iter());
        let outgoing = check_message(&queue, request)?;
        let (contents, commit) = self.send(&queue, vec![outgoing]);
        commit.done().await?;
        let content = contents
            .first()
            .ok_or_else(|| SqsError::missing("MessageBody"))?;
        Ok(sent(String::new(), content, system_md5))
    }

    pub(super) async fn send_message_batch(
        &self,
        request: Batch<SendEntry>,
    ) -> Result<BatchAnswer<Sent>, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut failed = Vec::new();
        let mut names = Vec::new();
        let mut outgoing = Vec::new();
        let mut total = 0;
        for mut entry in request.entries {
            let id = std::mem::take(&mut entry.id);
            total += payload_bytes(&entry);
            let system_md5 = md5_of_attributes(entry.message_system_attributes.iter());
            match check_message(&queue, entry) {
                Ok(message) => {
                    names.push((id, system_md5));
                    outgoing.push(message);
                }
                Err(error) => failed.push(error.batch_entry(id)),
            }
        }
        if total > MAXIMUM_BYTES {
            let message = format!(
                "Batch requests cannot be longer than {MAXIMUM_BYTES} bytes. You have sent {total} bytes."
            );
            return Err(SqsError::new(Code::BatchRequestTooLong, message));
        }
        let (contents, commit) = self.send(&queue, outgoing);
        commit.done().await?;
        let successful = names
            .into_iter()
            .zip(&contents)
            .map(|((id, system_md5), content)| sent(id, content, system_md5))
            .collect();
        Ok(BatchAnswer { successful, failed })
    }

    pub(super) async fn delete_message(&self, request: Receipts) -> Result<Empty, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        let receipt = queue.receipt(&request.receipt_handle)?;
        self.delete(&queue, &[receipt]).await?;
        Ok(Empty {})
    }

    pub(super) async fn delete_message_batch(
        &self,
        request: Batch<Receipts>,
    ) -> Result<BatchAnswer<EntryDone>, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut receipts: Vec<Receipt> = Vec::with_capacity(request.entries.len());
        let mut answer = BatchAnswer {
            successful: Vec::new(),
            failed: Vec::new(),
        };
        for entry in request.entries {
            match queue.receipt(&entry.receipt_handle) {
                Ok(receipt) => {
                    receipts.push(receipt);
                    answer.successful.push(EntryDone { id: entry.id });
                }
                Err(error) => answer.failed.push(error.batch_entry(entry.id)),
            }
        }
        self.delete(&queue, &receipts).await?;
        Ok(answer)
    }

    pub(super) async fn change_message_visibility(
        &self,
        request: Visibility,
    ) -> Result<Empty, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        let seconds = visibility_seconds(request.visibility_timeout)?;
        self.set_visibility(&queue, &request.receipt_handle, seconds)?
            .done()
            .await?;
        Ok(Empty {})
    }

    pub(super) async fn change_message_visibility_batch(
        &self,
        request: Batch<Visibility>,
    ) -> Result<BatchAnswer<EntryDone>, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut answer = BatchAnswer {
            successful: Vec::new(),
            failed: Vec::new(),
        };
        let mut commits = Vec::new();
        for entry in request.entries {
            let changed = visibility_seconds(entry.visibility_timeout)
                .and_then(|seconds| self.set_visibility(&queue, &entry.receipt_handle, seconds));
            match changed {
                Ok(commit) => {
                    commits.push(commit);
                    answer.successful.push(EntryDone { id: entry.id });
                }
                Err(error) => answer.failed.push(error.batch_entry(entry.id)),
            }
        }
        for commit in commits {
            commit.done().await?;
        }
        Ok(answer)
    }
}

fn visibility_seconds(given: Option<i64>) -> Result<u32, SqsError> {
    let seconds = given.ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
    // The range itself is checked where visibility is changed.
    u32::try_from(seconds).map_err(|_| {
        SqsError::parameter(
            "VisibilityTimeout",
            seconds,
            "Must be between 0 and 43200, if provided.",
        )
    })
}

/// Everything one message must keep, apart from its neighbours.
fn check_message(queue: &Queue, entry: SendEntry) -> Result<Outgoing, SqsError> {
    check_body(&entry.message_body)?;
    let bytes = entry.message_body.len() + check_attributes(&entry.message_attributes)?;
    let maximum = queue.shelf().attributes.maximum_message_bytes;
    if usize::try_from(maximum).is_ok_and(|maximum| bytes > maximum) {
        let message = format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {maximum} bytes."
        );
        return Err(SqsError::new(Code::InvalidParameterValue, message));
    }
    let delay_seconds = entry.delay_seconds.map(check_delay).transpose()?;
    if let Some(group) = &entry.message_group_id {
        check_group(group)?;
    }
    if let Some(token) = &entry.message_deduplication_id {
        let reason = "The request includes a parameter that is not valid for this queue type.";
        return Err(SqsError::parameter("MessageDeduplicationId", token, reason));
    }
    Ok(Outgoing {
        trace: trace(&entry.message_system_attributes)?,
        body: entry.message_body,
        attributes: entry.message_attributes,
        group: entry.message_group_id,
        delay_seconds,
    })
}

fn check_delay(seconds: i64) -> Result<u32, SqsError> {
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= MAXIMUM_DELAY_SECONDS)
        .ok_or_else(|| {
            SqsError::parameter(
                "DelaySeconds",
                seconds,
                "DelaySeconds must be >= 0 and <= 900.",
            )
        })
}

fn trace(system_attributes: &MessageAttributes) -> Result<Option<String>, SqsError> {
    if let Some(unknown) = system_attributes
        .keys()
        .find(|name| *name != TRACE_ATTRIBUTE)
    {
        let message = format!("Message system attribute name '{unknown}' is invalid.");
        return Err(SqsError::new(Code::InvalidParameterValue, message));
    }
    Ok(system_attributes
        .get(TRACE_ATTRIBUTE)
        .and_then(|attribute| attribute.string_value.clone()))
}

fn payload_bytes(entry: &SendEntry) -> usize {
    let attributes: usize = entry
        .message_attributes
        .iter()
        .map(|(name, attribute)| {
            let value = attribute
                .string_value
                .as_ref()
                .or(attribute.binary_value.as_ref());
            name.len() + attribute.data_type.len() + value.map_or(0, String::len)
        })
        .sum();
    entry.message_body.len() + attributes
}

fn sent(id: String, content: &Arc<Content>, system_attributes_md5: Option<String>) -> Sent {
    Sent {
        id,
        message_id: content.message_id.clone(),
        body_md5: content.body_md5.clone(),
        attributes_md5: md5_of_attributes(content.attributes.iter()),
        system_attributes_md5,
    }
}

/// The rules of a batch as a whole: they refuse the request, not an entry.
fn check_ids<'a>(ids: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<(), SqsError> {
    if ids.len() == 0 {
        let message = "There should be at least one entry in the request.";
        return Err(SqsError::new(Code::EmptyBatchRequest, message));
    }
    if ids.len() > BATCH_ENTRIES {
        let message = format!(
            "Maximum number of entries per request are {BATCH_ENTRIES}. You have sent {}.",
            ids.len()
        );
        return Err(SqsError::new(Code::TooManyEntriesInBatchRequest, message));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let valid = |id: &str| (1..=MAXIMUM_ENTRY_ID).contains(&id.len()) && id.chars().all(allowed);
    if !ids.clone().all(valid) {
        let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
             It can be at most 80 letters long.";
        return Err(SqsError::new(Code::InvalidBatchEntryId, message));
    }
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(SqsError::new(
                Code::BatchEntryIdsNotDistinct,
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(())
}

//! Operations on queues themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Sqs;
use super::super::attributes::{QueueAttributes, unknown_name};
use super::super::error::{Code, SqsError};
use super::super::queue::Queue;
use super::super::wire::{
    Attributes, CreateQueue, Empty, GetQueueAttributes, GetQueueUrl, ListQueues, QueueOnly,
    QueueUrl, QueueUrls, SetQueueAttributes, Texts, queue_name, queue_url,
};

const LIST_PAGE: usize = 1_000;

/// Attributes that are answered but cannot be set.
const READ_ONLY: &[&str] = &[
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// Attributes that can be set but have no value until they are.
const OPTIONAL: &[&str] = &[
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
];

impl Sqs {
    pub(super) fn by_url(&self, url: &str) -> Result<Arc<Queue>, SqsError> {
        self.queue(queue_name(url))
    }

    pub(super) async fn create(&self, request: CreateQueue) -> Result<QueueUrl, SqsError> {
        let name = request.queue_name;
        let mut attributes = QueueAttributes::default();
        attributes.apply(&request.attributes)?;
        if let Ok(existing) = self.queue(&name) {
            return same_attributes(&existing, &request.attributes).map(|()| QueueUrl {
                queue_url: queue_url(&name),
            });
        }
        self.put_queue_later(&name, attributes)?.done().await?;
        Ok(QueueUrl {
            queue_url: queue_url(&name),
        })
    }

    pub(super) fn get_queue_url(&self, request: &GetQueueUrl) -> Result<QueueUrl, SqsError> {
        let queue = self.queue(&request.queue_name)?;
        Ok(QueueUrl {
            queue_url: queue_url(&queue.name),
        })
    }

    pub(super) fn get_queue_attributes(
        &self,
        request: &GetQueueAttributes,
    ) -> Result<Attributes, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        let mut all = self.all_attributes(&queue);
        let known =
            |name: &str| all.contains_key(name) || OPTIONAL.contains(&name) || name == "All";
        if let Some(unknown) = request.attribute_names.iter().find(|name| !known(name)) {
            return Err(unknown_name(unknown));
        }
        if !request.attribute_names.iter().any(|name| name == "All") {
            all.retain(|name, _| request.attribute_names.contains(name));
        }
        Ok(Attributes { attributes: all })
    }

    fn all_attributes(&self, queue: &Arc<Queue>) -> BTreeMap<String, String> {
        let counts = self.current_counts(queue);
        let shelf = queue.shelf();
        let values = [
            counts.visible.to_string(),
            counts.delayed.to_string(),
            counts.in_flight.to_string(),
            (queue.created_ms / 1_000).to_string(),
            (shelf.modified_ms / 1_000).to_string(),
            queue.arn.to_string(),
        ];
        let mut all = shelf.attributes.settings();
        all.extend(READ_ONLY.iter().map(|name| (*name).to_owned()).zip(values));
        all.entry("SqsManagedSseEnabled".to_owned())
            .or_insert_with(|| "true".to_owned());
        all
    }

    pub(super) async fn set_queue_attributes(
        &self,
        request: SetQueueAttributes,
    ) -> Result<Empty, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        let mut attributes = queue.shelf().attributes.clone();
        attributes.apply(&request.attributes)?;
        self.put_queue_later(&queue.name, attributes)?
            .done()
            .await?;
        // A new redrive policy can move messages that are visible already: polls must look again.
        queue.wake.notify_waiters();
        Ok(Empty {})
    }

    pub(super) fn list_queues(&self, request: &ListQueues) -> Result<QueueUrls, SqsError> {
        let page = request.max_results.unwrap_or(LIST_PAGE);
        if !(1..=LIST_PAGE).contains(&page) {
            let reason = "Must be between 1 and 1000, if provided.";
            return Err(SqsError::parameter("MaxResults", page, reason));
        }
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let after = request.next_token.as_deref().unwrap_or_default();
        let mut names: Vec<String> = self
            .all_queues()
            .iter()
            .map(|queue| queue.name.clone())
            .filter(|name| name.starts_with(prefix) && name.as_str() > after)
            .collect();
        let more = names.len() > page;
        names.truncate(page);
        // As on AWS, a token is given only to callers who asked for pages.
        let next_token = names
            .last()
            .filter(|_| more && request.max_results.is_some())
            .cloned();
        Ok(QueueUrls {
            queue_urls: names.iter().map(|name| queue_url(name)).collect(),
            next_token,
        })
    }

    pub(super) fn list_sources(&self, request: &QueueOnly) -> Result<Sources, SqsError> {
        let target = self.by_url(&request.queue_url)?;
        let points_here = |queue: &Arc<Queue>| {
            queue
                .shelf()
                .attributes
                .redrive
                .as_ref()
                .is_some_and(|redrive| redrive.dead_letter_queue == target.name)
        };
        let sources = self.all_queues().into_iter().filter(points_here);
        Ok(Sources {
            queue_urls: sources.map(|queue| queue_url(&queue.name)).collect(),
        })
    }

    pub(super) async fn purge_queue(&self, request: QueueOnly) -> Result<Empty, SqsError> {
        let queue = self.by_url(&request.queue_url)?;
        self.purge(&queue)?.done().await?;
        Ok(Empty {})
    }

    pub(super) async fn delete_queue(&self, request: QueueOnly) -> Result<Empty, SqsError> {
        self.drop_queue(queue_name(&request.queue_url))?
            .done()
            .await?;
        Ok(Empty {})
    }
}

/// This answer alone spells its list with a small letter.
#[derive(Debug, serde::Serialize)]
pub(super) struct Sources {
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
}

/// Creating a queue again is fine as long as every attribute the request names has that value.
fn same_attributes(queue: &Queue, wanted: &Texts) -> Result<(), SqsError> {
    let existing = queue.shelf().attributes.clone();
    let mut changed = existing.clone();
    changed.apply(wanted)?;
    let (existing, changed) = (existing.settings(), changed.settings());
    let different = changed
        .iter()
        .find(|(name, value)| existing.get(*name) != Some(value));
    let Some((name, _)) = different else {
        return Ok(());
    };
    let message = format!(
        "A queue already exists with the same name and a different value for attribute {name}"
    );
    Err(SqsError::new(Code::QueueNameExists, message))
}

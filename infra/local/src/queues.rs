//! Queues, created as the template says.

use aws_local::{Embedded, QueueAttributes, Redrive};

use crate::StartError;
use crate::template::{Queue, Template};

pub(crate) fn create(embedded: &Embedded, template: &Template) -> Result<(), StartError> {
    // Dead-letter queues first: AWS too refuses a redrive to a queue that does not exist.
    let (with, without): (Vec<_>, Vec<_>) = template
        .queues
        .iter()
        .partition(|queue| queue.redrive.is_some());
    for queue in without.into_iter().chain(with) {
        let created = embedded.sqs().create_queue(&queue.name, attributes(queue));
        created.map_err(|source| StartError::Queue {
            queue: queue.name.clone(),
            source,
        })?;
    }
    // Whoever held a message was this system's predecessor, and is gone.
    embedded.sqs().release_in_flight();
    Ok(())
}

fn attributes(queue: &Queue) -> QueueAttributes {
    let default = QueueAttributes::default();
    QueueAttributes {
        delay_seconds: queue.delay_seconds.unwrap_or(default.delay_seconds),
        maximum_message_bytes: queue
            .maximum_message_bytes
            .unwrap_or(default.maximum_message_bytes),
        retention_seconds: queue.retention_seconds.unwrap_or(default.retention_seconds),
        receive_wait_seconds: queue
            .receive_wait_seconds
            .unwrap_or(default.receive_wait_seconds),
        visibility_timeout_seconds: queue
            .visibility_seconds
            .unwrap_or(default.visibility_timeout_seconds),
        redrive: queue.redrive.as_ref().map(|redrive| Redrive {
            dead_letter_queue: redrive.queue.clone(),
            max_receive_count: redrive.max_receives,
        }),
        other: default.other,
    }
}

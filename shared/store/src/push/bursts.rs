//! How many pushes of one event a person has had lately, and how many were kept back.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::id::{EventId, NetworkId};
use domain::push::device::UserId;
use domain::push::throttle::{Bucket, Rate, Taken};
use domain::time::Timestamp;

use crate::item::{Reader, n, s};
use crate::key::Key;
use crate::{Error, Store};

/// How long a bucket is kept: it is full long before, but what it counted must outlast the trouble in
/// which a summary is late.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3600);

/// What a person's bucket said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burst {
    /// The push may be sent.
    Sent,
    /// It becomes part of a summary.
    Collapsed {
        /// When the summary may be sent.
        until: Timestamp,
    },
}

impl Store {
    /// Takes a push of the event `name` from the person's bucket, if it has one.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others keep taking.
    pub async fn take_push(
        &self,
        network: &NetworkId,
        user: &UserId,
        name: &str,
        rate: Rate,
        now: Timestamp,
    ) -> Result<Burst, Error> {
        const OPERATION: &str = "taking from a bucket";
        let key = Key::burst(network, user, name);
        let mut tries = self.tries(OPERATION);
        loop {
            let item = self.get(&key, OPERATION).await?;
            let item = item.unwrap_or_default();
            let reader = Reader::new(&item, OPERATION);
            let left = reader.maybe_number("millisLeft");
            let at = reader.maybe_number("at").map(Timestamp::from_millis);
            let bucket = left.zip(at).map_or_else(
                || Bucket::full(rate, now),
                |(millis_left, at)| Bucket { millis_left, at },
            );
            match bucket.take(rate, now) {
                Taken::Sent(bucket) => {
                    if self.pour(&key, left.zip(at), bucket, rate).await? {
                        return Ok(Burst::Sent);
                    }
                }
                Taken::Collapsed { until } => {
                    return Ok(Burst::Collapsed { until });
                }
            }
            tries.again().await?;
        }
    }

    /// How many pushes were collapsed since the last summary.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn collapsed(
        &self,
        network: &NetworkId,
        user: &UserId,
        name: &str,
    ) -> Result<u64, Error> {
        const OPERATION: &str = "counting a summary";
        let item = self
            .get(&Key::burst(network, user, name), OPERATION)
            .await?;
        let count = item.and_then(|item| Reader::new(&item, OPERATION).maybe_number("collapsed"));
        Ok(count.unwrap_or_default())
    }

    /// The count starts anew, because a summary tells of `count`. `false` when it has changed since
    /// it was read.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn settle_collapsed(
        &self,
        network: &NetworkId,
        user: &UserId,
        name: &str,
        count: u64,
    ) -> Result<bool, Error> {
        let sent = self
            .update(&Key::burst(network, user, name))
            .update_expression("REMOVE collapsed, firstEvent")
            .condition_expression("collapsed = :count")
            .expression_attribute_values(":count", n(count))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(Error::call("settling a summary")(error)),
        }
    }

    async fn pour(
        &self,
        key: &Key,
        before: Option<(u64, Timestamp)>,
        bucket: Bucket,
        rate: Rate,
    ) -> Result<bool, Error> {
        let expires = bucket.at.after(rate.per.max(KEPT)).seconds();
        let call = self
            .update(key)
            .update_expression("SET millisLeft = :left, #at = :at, expires = :expires")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":left", n(bucket.millis_left))
            .expression_attribute_values(":at", n(bucket.at.millis()))
            .expression_attribute_values(":expires", n(expires));
        // The race: two pushes take the last place.
        let call = match before {
            None => call.condition_expression("attribute_not_exists(millisLeft)"),
            Some((left, at)) => call
                .condition_expression("millisLeft = :oldLeft AND #at = :oldAt")
                .expression_attribute_values(":oldLeft", n(left))
                .expression_attribute_values(":oldAt", n(at.millis())),
        };
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(Error::call("pouring a bucket")(error)),
        }
    }

    /// Counts a push that was kept back. Whether its event is the first since the last summary, and
    /// so the one that has to send for the next: it is told so however often it is counted.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn count_collapsed(
        &self,
        network: &NetworkId,
        user: &UserId,
        name: &str,
        event: &EventId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "counting a collapsed push";
        let sent = self
            .update(&Key::burst(network, user, name))
            .update_expression(
                "ADD collapsed :one SET firstEvent = if_not_exists(firstEvent, :event), expires = :expires",
            )
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":event", s(event.as_str()))
            .expression_attribute_values(":expires", n(now.after(KEPT).seconds()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        let updated = sent.map_err(Error::call(OPERATION))?;
        let item = updated.attributes.unwrap_or_default();
        Ok(Reader::new(&item, OPERATION).text("firstEvent")? == event.as_str())
    }
}

fn refused(error: &SdkError<UpdateItemError>) -> bool {
    matches!(
        error.as_service_error(),
        Some(UpdateItemError::ConditionalCheckFailedException(_))
    )
}

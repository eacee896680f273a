//! All-or-nothing changes.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::{Error, Store};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    Yes,
    /// A condition did not hold; nothing was changed.
    Refused,
}

impl Store {
    /// Commits `items` together or not at all. Two transactions that touch one item at the same time
    /// make DynamoDB cancel one of them, and the SDK does not repeat it. Every endpoint change
    /// touches its network's version, so a few creates at once do meet.
    ///
    /// # Errors
    /// When the table does not answer; [`Error::Contended`] when others kept being at the same items.
    pub(crate) async fn transact(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Committed, Error> {
        let mut tries = self.tries(operation);
        loop {
            match self.transact_once(&items).await {
                Err(error) if cancelled_for(&error, "TransactionConflict") => tries.again().await?,
                other => return settle(other, operation),
            }
        }
    }

    /// One try. [`Committed::Refused`] also when another transaction was at the same items: for
    /// callers that read anew before they try again.
    pub(crate) async fn transact_as_read(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Committed, Error> {
        match self.transact_once(&items).await {
            Err(error) if cancelled_for(&error, "TransactionConflict") => Ok(Committed::Refused),
            other => settle(other, operation),
        }
    }

    async fn transact_once(
        &self,
        items: &[TransactWriteItem],
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        let call = self.client.transact_write_items();
        call.set_transact_items(Some(items.to_vec())).send().await?;
        Ok(())
    }
}

fn settle(
    sent: Result<(), SdkError<TransactWriteItemsError>>,
    operation: &'static str,
) -> Result<Committed, Error> {
    match sent {
        Ok(()) => Ok(Committed::Yes),
        Err(error) if cancelled_for(&error, "ConditionalCheckFailed") => Ok(Committed::Refused),
        Err(error) => Err(Error::call(operation)(error)),
    }
}

fn cancelled_for(error: &SdkError<TransactWriteItemsError>, code: &str) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return false;
    };
    let mut reasons = cancelled.cancellation_reasons().iter();
    reasons.any(|reason| reason.code() == Some(code))
}

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::RequestId as _;
use runtime::NoTurn;

/// A question or change that the table did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call failed, after the SDK's own tries; a change may or may not have been made.
    #[error("{operation} was not answered by the table (request {request})")]
    Call {
        /// What was being done, e.g. `claiming an attempt`.
        operation: &'static str,
        /// The AWS request id; `unknown` when there is none.
        request: String,
        /// The service's own error when it answered, else the SDK's.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table answered with a record that this version cannot read, or without one it must hold.
    #[error("{operation} met an item it cannot read: {what} is missing or malformed")]
    Item {
        /// What was being done, e.g. `reading a delivery`.
        operation: &'static str,
        /// The attribute at fault, `item` for the whole record, or `a free id`.
        what: &'static str,
    },
    /// Others changed the same records before each of the tries; none of them changed anything, and
    /// a repeat is safe.
    #[error("{operation} got no turn: others kept changing the same records")]
    Contended {
        /// What was being done, e.g. `registering a device`.
        operation: &'static str,
        /// By this the API knows it.
        source: NoTurn,
    },
}

impl Error {
    /// Whether it is certain that the change was not made; else it may or may not have been.
    #[must_use]
    pub const fn changed_nothing(&self) -> bool {
        matches!(self, Self::Contended { .. })
    }

    pub(crate) fn call<E>(operation: &'static str) -> impl Fn(SdkError<E>) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
        SdkError<E>: aws_sdk_dynamodb::operation::RequestId,
    {
        move |error| {
            Self::Call {
                operation,
                request: error.request_id().unwrap_or("unknown").to_owned(),
                // The SDK's outer error only says "service error"; the inner one says which.
                source: match error {
                    SdkError::ServiceError(context) => Box::new(context.into_err()),
                    other @ (SdkError::ConstructionFailure(_)
                    | SdkError::TimeoutError(_)
                    | SdkError::DispatchFailure(_)
                    | SdkError::ResponseError(_)
                    | _) => Box::new(other),
                },
            }
        }
    }
}

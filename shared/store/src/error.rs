use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::RequestId as _;

/// A question or change that the table did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{operation} was not answered by the table (request {request})")]
    Call {
        operation: &'static str,
        request: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{operation} met an item it cannot read: {what} is missing or malformed")]
    Item {
        operation: &'static str,
        what: &'static str,
    },
}

impl Error {
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

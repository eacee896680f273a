//! One call of a function, as Lambda would make it: its timeout holds, and a panic ends the call
//! and nothing else.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::handlers::Failed;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the handler returned an error")]
    Returned(#[source] Failed),
    #[error("the handler panicked: {0}")]
    Panicked(String),
    #[error("the handler ran longer than its timeout of {0:?}")]
    TimedOut(Duration),
}

/// Runs the call in its own task: it ends even when its caller has gone, as on Lambda.
pub(crate) async fn run<T: Send + 'static>(
    timeout: Duration,
    call: BoxFuture<'static, Result<T, Failed>>,
) -> Result<T, Failure> {
    match tokio::spawn(tokio::time::timeout(timeout, call)).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => Err(Failure::Returned(error)),
        Ok(Err(_)) => Err(Failure::TimedOut(timeout)),
        Err(ended) => Err(Failure::Panicked(ended.to_string())),
    }
}

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Hands Lambda's events to `handle` until the sandbox ends.
///
/// # Errors
/// When the Runtime API cannot be reached, or answers nonsense.
pub async fn serve<E, R, X, H, F>(handle: H) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    X: Into<Error> + std::fmt::Debug,
    H: Fn(E) -> F,
    F: Future<Output = Result<R, X>>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| async move {
        // Boxed, because handlers are deep chains of futures: one allocation per invocation keeps
        // the runtime's own types small.
        Box::pin(handle(event.payload)).await.map_err(Into::into)
    }))
    .await
}

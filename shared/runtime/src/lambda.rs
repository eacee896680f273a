use std::any::type_name;
use std::future::Future;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use telemetry::chain::chain;

/// Hands Lambda's events to `handle` until the sandbox ends.
///
/// # Errors
/// When the Runtime API cannot be reached, or answers nonsense.
pub async fn serve<E, R, X, H, F>(handle: H) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    X: std::error::Error,
    H: Fn(E) -> F,
    F: Future<Output = Result<R, X>>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| async move {
        // Boxed, because handlers are deep chains of futures: one allocation per invocation keeps
        // the runtime's own types small.
        Box::pin(handle(event.payload)).await.map_err(diagnose)
    }))
    .await
}

/// What Lambda logs: the error's type, by which failures are counted, and its whole chain.
fn diagnose<X: std::error::Error>(error: X) -> Diagnostic {
    Diagnostic {
        error_type: type_name::<X>().to_owned(),
        error_message: chain(&error),
    }
}

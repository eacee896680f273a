use std::future::Future;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use runtime::{NoTurn, Platform};
use telemetry::chain::chain;
use telemetry::event::{RequestAnswered, RequestFailed};

use crate::call::{admit, caller};
use crate::route::find;
use crate::{Call, Problem, Reply, Route};

/// Why an operation gives no answer of its own.
#[derive(Debug)]
pub enum Failure {
    /// The caller is told.
    Problem(Problem),
    /// The operator is told; the caller learns only that it was not them.
    Internal(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: &(dyn std::error::Error + 'static) = &error;
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        // Whatever was contended: nobody's fault, and the caller can do something about it.
        if causes.any(|cause| cause.is::<NoTurn>()) {
            Self::Problem(Problem::Contended)
        } else {
            Self::Internal(chain(error))
        }
    }
}

/// Answers one request with the operation its route names, or with the reason why not.
pub async fn answer<O, F, Fut>(
    routes: &'static [Route<O>],
    request: ApiGatewayV2httpRequest,
    platform: &Platform,
    run: F,
) -> ApiGatewayV2httpResponse
where
    O: Copy,
    F: FnOnce(O, Call) -> Fut,
    Fut: Future<Output = Result<Reply, Failure>>,
{
    answer_in(routes, request, platform, Problem::reply, run).await
}

/// The same, with reasons in another form than ours: for callers that were made for another API.
pub async fn answer_in<O, F, Fut>(
    routes: &'static [Route<O>],
    request: ApiGatewayV2httpRequest,
    platform: &Platform,
    form: fn(&Problem) -> Reply,
    run: F,
) -> ApiGatewayV2httpResponse
where
    O: Copy,
    F: FnOnce(O, Call) -> Fut,
    Fut: Future<Output = Result<Reply, Failure>>,
{
    let began = platform.clock.now();
    let request_id = request.request_context.request_id.clone();
    let request_id = request_id.unwrap_or_default();
    let mut operation = "none";
    let result = match admitted(routes, request) {
        Ok((route, call)) => {
            operation = route.name;
            // Boxed: the operations of an API differ in size, and the largest would set it for all.
            Box::pin(run(route.operation, call)).await
        }
        Err(problem) => Err(Failure::Problem(problem)),
    };
    let (reply, problem) = match result {
        Ok(reply) => (reply, None),
        Err(Failure::Problem(problem)) => (form(&problem), Some(problem.entry().id)),
        Err(Failure::Internal(error)) => {
            platform.telemetry.emit(
                &RequestFailed {
                    operation,
                    request_id: Some(request_id.clone()),
                    error,
                },
                platform.clock.now().millis(),
            );
            (form(&Problem::Internal), Some(Problem::Internal.entry().id))
        }
    };
    let now = platform.clock.now();
    let duration_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
    platform.telemetry.emit(
        &RequestAnswered {
            operation,
            request_id: request_id.clone(),
            status: reply.status(),
            problem,
            duration_ms,
        },
        now.millis(),
    );
    reply.header("x-request-id", &request_id).into_response()
}

fn admitted<O>(
    routes: &'static [Route<O>],
    request: ApiGatewayV2httpRequest,
) -> Result<(&'static Route<O>, Call), Problem> {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let found = find(routes, request.request_context.http.method.as_str(), path)?;
    let (route, parameters) = (found.route, found.parameters);
    let caller = caller(&request);
    let network = parameters.iter().find(|(name, _)| *name == "network");
    let network = network.map(|(_, value)| value.as_str());
    admit(caller.as_ref(), network, route.needs)?;
    let call = Call {
        parameters,
        caller,
        request,
    };
    Ok((route, call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_got_no_turn_is_told_to_try_again_and_all_else_is_for_the_operator() {
        let operation = "registering a device";
        let failure = Failure::from(store::Error::Contended {
            operation,
            source: NoTurn,
        });
        let Failure::Problem(problem) = failure else {
            panic!("{failure:?}");
        };
        let response = problem.reply().into_response();
        assert_eq!(response.status_code, 503);
        assert_eq!(response.headers["retry-after"], "1");
        let what = "devices";
        let failure = Failure::from(store::Error::Item { operation, what });
        assert!(matches!(failure, Failure::Internal(_)), "{failure:?}");
    }
}

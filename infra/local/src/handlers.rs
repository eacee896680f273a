//! The Rust side of each function in the template.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
    ApiGatewayV2httpRequest, ApiGatewayV2httpResponse,
};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::BoxFuture;
use runtime::{Env, Platform};
use serde_json::Value;

use crate::StartError;
use crate::template::{Function, Template};

/// What a handler returns instead of an answer.
pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// A handler for one kind of event.
pub(crate) type Call<E, A> = Arc<dyn Fn(E) -> BoxFuture<'static, Result<A, Failed>> + Send + Sync>;

pub(crate) type AuthorizerCall =
    Call<ApiGatewayV2CustomAuthorizerV2Request, ApiGatewayV2CustomAuthorizerSimpleResponse>;
pub(crate) type HttpCall = Call<ApiGatewayV2httpRequest, ApiGatewayV2httpResponse>;
pub(crate) type BatchCall = Call<SqsEvent, SqsBatchResponse>;
pub(crate) type ScheduleCall = Call<Value, ()>;

/// A handler by what triggers it.
#[derive(Clone)]
pub(crate) enum Handler {
    Authorizer(AuthorizerCall),
    Http(HttpCall),
    Batch(BatchCall),
    Schedule(ScheduleCall),
}

impl Handler {
    fn kind(&self) -> &'static str {
        match self {
            Self::Authorizer(_) => "an authorizer",
            Self::Http(_) => "an HTTP function",
            Self::Batch(_) => "a queue function",
            Self::Schedule(_) => "a schedule function",
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// A handler under its function's rules.
#[derive(Clone)]
pub(crate) struct Bound<C> {
    pub(crate) function: Arc<str>,
    pub(crate) timeout: Duration,
    pub(crate) call: C,
}

impl<C> fmt::Debug for Bound<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bound({})", self.function)
    }
}

/// All functions of a template with their handlers.
#[derive(Debug, Default)]
pub(crate) struct Functions(BTreeMap<String, (Function, Handler)>);

type Build = fn(&Platform) -> Result<Handler, Failed>;

/// Builds a handler from a function's crate.
macro_rules! build {
    ($kind:ident, $package:ident) => {
        |platform: &Platform| {
            let deps = Arc::new($package::Deps::new(platform)?);
            Ok(Handler::$kind(Arc::new(move |event| {
                let deps = Arc::clone(&deps);
                Box::pin(async move { $package::handle(&deps, event).await.map_err(Into::into) })
            })))
        }
    };
}

/// Every function crate of the workspace.
const PACKAGES: &[(&str, Build)] = &[
    ("authorizer", build!(Authorizer, authorizer)),
    ("webhooks-api", build!(Http, webhooks_api)),
    ("events-api", build!(Http, events_api)),
    ("catalogue-api", build!(Http, catalogue_api)),
    ("devices-api", build!(Http, devices_api)),
    ("push-settings-api", build!(Http, push_settings_api)),
    ("certificates-api", build!(Http, certificates_api)),
    ("event-fanout", build!(Batch, event_fanout)),
    ("webhook-dispatch", build!(Batch, webhook_dispatch)),
    ("push-fanout", build!(Batch, push_fanout)),
    ("push-dispatch", build!(Batch, push_dispatch)),
    ("retry-sweep", build!(Schedule, retry_sweep)),
    ("conservation", build!(Schedule, conservation)),
    ("replay-jobs", build!(Batch, replay_jobs)),
    ("cert-expiry", build!(Schedule, cert_expiry)),
    ("quarantine", build!(Batch, quarantine)),
];

/// Functions that may reach plain-http receivers on loopback. Only this program sets the variable;
/// the template never does, and tests/contract proves it.
const MAY_REACH_LOOPBACK: [&str; 2] = ["webhooks-api", "webhook-dispatch"];
const LOOPBACK_VARIABLE: &str = "LOCAL_RECEIVERS";

/// Functions that speak to push providers, and the variable that points them at stand-ins. As
/// above, only this program sets it.
const MAY_REACH_STAND_INS: [&str; 2] = ["certificates-api", "push-dispatch"];
const STAND_INS_VARIABLE: &str = "PROVIDER_STAND_INS";

impl Functions {
    /// One handler per function of the template, and one function per crate.
    pub(crate) fn build(
        template: &Template,
        platform: &Platform,
        stand_ins: Option<&str>,
    ) -> Result<Self, StartError> {
        let used = |package: &str| {
            template
                .functions
                .iter()
                .any(|function| function.package == package)
        };
        if let Some((package, _)) = PACKAGES.iter().find(|(package, _)| !used(package)) {
            return Err(StartError::NoFunction { package });
        }
        let mut functions = Self::default();
        for function in &template.functions {
            let package = PACKAGES
                .iter()
                .find(|(package, _)| *package == function.package);
            let Some((_, build)) = package else {
                return Err(StartError::NoHandler {
                    function: function.logical.clone(),
                    package: function.package.clone(),
                });
            };
            let platform = Platform {
                env: environment(function, stand_ins),
                ..platform.clone()
            };
            let handler = build(&platform).map_err(|source| StartError::Settings {
                function: function.logical.clone(),
                source,
            })?;
            functions.insert(function.clone(), handler);
        }
        Ok(functions)
    }

    /// Adds a handler; tests bring their own.
    pub(crate) fn insert(&mut self, function: Function, handler: Handler) {
        self.0.insert(function.name.clone(), (function, handler));
    }

    pub(crate) fn authorizer(&self, name: &str) -> Result<Bound<AuthorizerCall>, StartError> {
        self.bound(name, "an authorizer", |handler| match handler {
            Handler::Authorizer(call) => Some(call),
            Handler::Http(_) | Handler::Batch(_) | Handler::Schedule(_) => None,
        })
    }

    pub(crate) fn http(&self, name: &str) -> Result<Bound<HttpCall>, StartError> {
        self.bound(name, "an HTTP function", |handler| match handler {
            Handler::Http(call) => Some(call),
            Handler::Authorizer(_) | Handler::Batch(_) | Handler::Schedule(_) => None,
        })
    }

    pub(crate) fn batch(&self, name: &str) -> Result<Bound<BatchCall>, StartError> {
        self.bound(name, "a queue function", |handler| match handler {
            Handler::Batch(call) => Some(call),
            Handler::Authorizer(_) | Handler::Http(_) | Handler::Schedule(_) => None,
        })
    }

    pub(crate) fn schedule(&self, name: &str) -> Result<Bound<ScheduleCall>, StartError> {
        self.bound(name, "a schedule function", |handler| match handler {
            Handler::Schedule(call) => Some(call),
            Handler::Authorizer(_) | Handler::Http(_) | Handler::Batch(_) => None,
        })
    }

    fn bound<C: Clone>(
        &self,
        name: &str,
        wanted: &'static str,
        pick: impl Fn(&Handler) -> Option<&C>,
    ) -> Result<Bound<C>, StartError> {
        let found = self.0.get(name);
        let call = found.and_then(|(function, handler)| Some((function, pick(handler)?)));
        let Some((function, call)) = call else {
            let found = found.map_or("nothing", |(_, handler)| handler.kind());
            return Err(StartError::WrongHandler {
                function: name.to_owned(),
                wanted,
                found,
            });
        };
        Ok(Bound {
            function: name.into(),
            timeout: function.timeout,
            call: call.clone(),
        })
    }
}

fn environment(function: &Function, stand_ins: Option<&str>) -> Env {
    let mut variables = function.environment.clone();
    if MAY_REACH_LOOPBACK.contains(&function.package.as_str()) {
        variables.insert(LOOPBACK_VARIABLE.to_owned(), "true".to_owned());
    }
    if let Some(stand_ins) = stand_ins
        && MAY_REACH_STAND_INS.contains(&function.package.as_str())
    {
        variables.insert(STAND_INS_VARIABLE.to_owned(), stand_ins.to_owned());
    }
    variables.into_iter().collect()
}

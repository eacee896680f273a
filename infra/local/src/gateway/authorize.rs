//! Asking the authorizer, and remembering what it said.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::time::Timestamp;
use serde_json::Value;

use super::answer::Refusal;
use super::request::Incoming;
use crate::handlers::{AuthorizerCall, Bound};
use crate::invoke::{self, Failure};
use crate::template::{Authorizer, IdentitySource};

/// Ends a flood of made-up keys before it fills the memory.
const MOST_REMEMBERED: usize = 10_000;

type Context = HashMap<String, Value>;

/// One authorizer with its memory.
#[derive(Debug)]
pub(super) struct Guard {
    authorizer: Authorizer,
    bound: Bound<AuthorizerCall>,
    remembered: Mutex<HashMap<Vec<String>, Remembered>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    until: Timestamp,
    /// `None` for a refusal.
    context: Option<Context>,
}

/// Why a request does not reach its function.
#[derive(Debug)]
pub(super) enum Denied {
    Refused(Refusal),
    /// The authorizer itself failed.
    Failed(Failure),
}

impl Guard {
    pub(super) fn new(authorizer: Authorizer, bound: Bound<AuthorizerCall>) -> Self {
        Self {
            authorizer,
            bound,
            remembered: Mutex::default(),
        }
    }

    pub(super) fn function(&self) -> &str {
        &self.bound.function
    }

    /// The authorizer's context for the function, if it lets the request pass.
    pub(super) async fn admit(&self, request: &Incoming<'_>) -> Result<Context, Denied> {
        let header = || self.header().to_owned();
        let unauthorized = || Denied::Refused(Refusal::Unauthorized { header: header() });
        let forbidden = || Denied::Refused(Refusal::Forbidden { header: header() });
        let identity = self.identity(request).ok_or_else(unauthorized)?;
        if let Some(context) = self.recall(&identity, request.now) {
            return context.ok_or_else(forbidden);
        }
        let call = (self.bound.call)(request.authorizer_event(identity.clone()));
        let answer = invoke::run(self.bound.timeout, call)
            .await
            .map_err(Denied::Failed)?;
        let context = answer.is_authorized.then(|| match answer.context {
            Value::Object(fields) => fields.into_iter().collect(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Context::new(),
        });
        self.remember(identity, request.now, context.clone());
        context.ok_or_else(forbidden)
    }

    /// The header that has the key, as the template writes it.
    fn header(&self) -> &str {
        let mut sources = self.authorizer.identity.iter();
        let header = sources.find_map(|source| match source {
            IdentitySource::Header(name) => Some(name.as_str()),
            IdentitySource::RouteKey => None,
        });
        header.unwrap_or("Authorization")
    }

    /// `None` when a source is missing: API Gateway then answers 401 and asks nobody.
    fn identity(&self, request: &Incoming<'_>) -> Option<Vec<String>> {
        let value = |source: &IdentitySource| match source {
            IdentitySource::Header(name) => {
                let value = request.parts.headers.get(name)?.to_str().ok()?;
                (!value.is_empty()).then(|| value.to_owned())
            }
            IdentitySource::RouteKey => Some(request.route_key.to_owned()),
        };
        self.authorizer.identity.iter().map(value).collect()
    }

    fn recall(&self, identity: &[String], now: Timestamp) -> Option<Option<Context>> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered
            .get(identity)
            .filter(|entry| now < entry.until)
            .map(|entry| entry.context.clone())
    }

    fn remember(&self, identity: Vec<String>, now: Timestamp, context: Option<Context>) {
        if self.authorizer.ttl.is_zero() {
            return;
        }
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.retain(|_, entry| now < entry.until);
        }
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(
            identity,
            Remembered {
                until: now.after(self.authorizer.ttl),
                context,
            },
        );
    }
}

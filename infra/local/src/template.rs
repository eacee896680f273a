//! `template.yaml` as typed resources.
//!
//! The template is the only description of the deployment, so the local system is built from it
//! and from nothing else. What makes a difference on one machine is read and must be understood;
//! what does not (policies, logs, alarms) is skipped by name; anything else is refused, because a
//! property that silently does nothing here would make this system lie about the deployed one.

mod api;
mod document;
mod error;
mod function;
mod queue;
mod reader;
mod scope;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

pub use api::{Authorizer, HttpApi, IdentitySource, Route};
pub use error::TemplateError;
pub use function::{Function, Schedule};
pub use queue::{Queue, Redrive};
pub use source::QueueSource;
pub use table::{Index, KeyPart, Projection, Table};

use document::Document;
use reader::Reader;
use scope::Scope;

/// The template of this build, so that the program runs in any directory.
const BUILT_IN: &str = include_str!("../../../template.yaml");

/// Everything the local system is built from, sorted by logical name.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pub functions: Vec<Function>,
    pub sources: Vec<QueueSource>,
    pub queues: Vec<Queue>,
    pub tables: Vec<Table>,
    pub api: HttpApi,
}

/// Resources that grant, log, or watch; nothing here depends on them.
const SKIPPED: [&str; 3] = [
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
];

impl Template {
    /// The template this program was built with.
    ///
    /// # Errors
    /// When it needs something that is not supported here.
    pub fn built_in() -> Result<Self, TemplateError> {
        Self::parse(BUILT_IN)
    }

    /// # Errors
    /// When the file cannot be read, is malformed, or needs something that is not supported here.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path).map_err(|source| TemplateError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text)
    }

    /// # Errors
    /// When the text is malformed, or needs something that is not supported here.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let document = Document::parse(text)?;
        let scope = Scope {
            document: &document,
        };
        let mut api = api::Parts::default();
        let mut template = Self {
            functions: vec![],
            sources: vec![],
            queues: vec![],
            tables: vec![],
            api: HttpApi::default(),
        };
        for (logical, resource) in &document.resources {
            let reader = Reader {
                scope: &scope,
                logical,
                resource,
            };
            if let Some(condition) = &resource.condition
                && !scope
                    .holds(condition)
                    .map_err(|problem| reader.error(problem))?
            {
                continue;
            }
            match resource.kind.as_str() {
                "AWS::Serverless::Function" => template.functions.push(function::read(&reader)?),
                "AWS::Lambda::EventSourceMapping" => template.sources.push(source::read(&reader)?),
                "AWS::SQS::Queue" => template.queues.push(queue::read(&reader)?),
                "AWS::DynamoDB::Table" => template.tables.push(table::read(&reader)?),
                kind if kind.starts_with("AWS::ApiGatewayV2::") => api.take(&reader)?,
                kind if SKIPPED.contains(&kind) => {}
                kind => return Err(reader.error(format!(
                    "the local runner does not know the type {kind}; remove it, or teach infra/local/src/template.rs"
                ))),
            }
        }
        template.api = api.finish()?;
        template.check_references()?;
        Ok(template)
    }

    /// The function with this name on AWS.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// What CloudFormation would find out while it creates the resources.
    fn check_references(&self) -> Result<(), TemplateError> {
        let known = |name: &str| self.function(name).is_some();
        let queue = |name: &str| self.queues.iter().any(|queue| queue.name == name);
        for source in &self.sources {
            if !known(&source.function) {
                return Err(no_such(
                    &source.logical,
                    "FunctionName",
                    "function",
                    &source.function,
                ));
            }
            if !queue(&source.queue) {
                return Err(no_such(
                    &source.logical,
                    "EventSourceArn",
                    "queue",
                    &source.queue,
                ));
            }
        }
        for target in self
            .queues
            .iter()
            .filter_map(|queue| Some((queue, queue.redrive.as_ref()?)))
        {
            if !queue(&target.1.queue) {
                return Err(no_such(
                    &target.0.logical,
                    "RedrivePolicy",
                    "queue",
                    &target.1.queue,
                ));
            }
        }
        for route in &self.api.routes {
            if !known(&route.function) {
                return Err(no_such(
                    &route.logical,
                    "Target",
                    "function",
                    &route.function,
                ));
            }
        }
        for authorizer in self.api.authorizers.values() {
            if !known(&authorizer.function) {
                return Err(no_such(
                    &authorizer.logical,
                    "AuthorizerUri",
                    "function",
                    &authorizer.function,
                ));
            }
        }
        Ok(())
    }
}

fn no_such(resource: &str, property: &str, what: &str, name: &str) -> TemplateError {
    TemplateError::property(
        resource,
        property,
        format!("the template has no {what} {name}; correct the reference"),
    )
}

/// The values of environment variables, as Lambda would set them.
fn variables(
    reader: &Reader<'_>,
    values: BTreeMap<String, Value>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let one = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Bool(flag) => Ok((name, flag.to_string())),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(reader.property(
            format!("Environment.Variables.{name}"),
            "a variable is a text; put the value in quotes",
        )),
    };
    values.into_iter().map(one).collect()
}

//! Functions and their schedules.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::TemplateError;
use super::reader::Reader;
use crate::schedules::Expression;

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub logical: String,
    /// The name on AWS.
    pub name: String,
    /// The crate that holds its code.
    pub package: String,
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
    pub memory_mb: u32,
    pub schedules: Vec<Schedule>,
}

/// A time-driven call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// `<function><event>`, the logical name SAM gives it.
    pub name: String,
    pub expression: Expression,
    /// Replaces the standard event when set.
    pub input: Option<Value>,
}

/// AWS's default.
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
const DEFAULT_MEMORY_MB: u32 = 128;

const FUNCTION_HONOURED: [&str; 7] = [
    "CodeUri",
    "Environment",
    "Events",
    "FunctionName",
    "MemorySize",
    "Timeout",
    "Handler",
];
const FUNCTION_IGNORED: [&str; 11] = [
    "Architectures",
    "Description",
    "EventInvokeConfig",
    "LoggingConfig",
    "Policies",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "Tags",
    "Tracing",
    "VpcConfig",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    code_uri: Option<String>,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    events: BTreeMap<String, Event>,
    memory_size: Option<u32>,
    timeout: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    properties: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleProperties {
    schedule_expression: String,
    input: Option<String>,
    #[serde(rename = "RetryPolicy")]
    _retry: Option<IgnoredAny>,
    #[serde(rename = "FlexibleTimeWindow")]
    _window: Option<IgnoredAny>,
    #[serde(rename = "Description")]
    _description: Option<IgnoredAny>,
    #[serde(rename = "Name")]
    _name: Option<IgnoredAny>,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Function, TemplateError> {
    let own: FunctionProperties = reader.typed(&FUNCTION_HONOURED, &FUNCTION_IGNORED)?;
    let globals = globals(reader)?;
    let mut environment = super::variables(reader, globals.environment.variables)?;
    environment.extend(super::variables(reader, own.environment.variables)?);
    let package = package(reader, own.code_uri.as_deref())?;
    let schedules = own
        .events
        .into_iter()
        .map(|(name, event)| schedule(reader, &name, event));
    Ok(Function {
        logical: reader.logical.to_owned(),
        name: reader.name()?,
        package,
        environment,
        timeout: Duration::from_secs(
            own.timeout
                .or(globals.timeout)
                .unwrap_or(DEFAULT_TIMEOUT_SECONDS),
        ),
        memory_mb: own
            .memory_size
            .or(globals.memory_size)
            .unwrap_or(DEFAULT_MEMORY_MB),
        schedules: schedules.collect::<Result<_, _>>()?,
    })
}

fn globals(reader: &Reader<'_>) -> Result<FunctionProperties, TemplateError> {
    let mut object = serde_json::Map::new();
    for (name, value) in &reader.scope.document.globals.function {
        if FUNCTION_HONOURED.contains(&name.as_str()) {
            let value = reader.scope.resolve(value);
            let value = value
                .map_err(|problem| TemplateError::property("Globals.Function", name, problem))?;
            object.insert(name.clone(), value);
        } else if !FUNCTION_IGNORED.contains(&name.as_str()) {
            let problem = "the local runner does not know this property; remove it, or teach infra/local/src/template/function.rs";
            return Err(TemplateError::property("Globals.Function", name, problem));
        }
    }
    reader.decode(Value::Object(object))
}

/// The crate is named by its folder, or by the binary that `sam build` is told to take.
fn package(reader: &Reader<'_>, code_uri: Option<&str>) -> Result<String, TemplateError> {
    let folder = code_uri.and_then(|uri| uri.trim_end_matches('/').rsplit_once("functions/"));
    if let Some((_, folder)) = folder {
        return Ok(folder.to_owned());
    }
    let binary = reader
        .resource
        .metadata
        .get("BuildProperties")
        .and_then(|it| it.get("Binary"));
    let binary = binary
        .and_then(serde_norway::Value::as_str)
        .map(str::to_owned);
    binary
        .ok_or_else(|| reader.property("CodeUri", "the code is not found; write functions/<crate>"))
}

fn schedule(reader: &Reader<'_>, name: &str, event: Event) -> Result<Schedule, TemplateError> {
    let path = format!("Events.{name}");
    if event.kind != "ScheduleV2" {
        let problem = format!(
            "the event type {} is not supported here; use ScheduleV2, AWS::Lambda::EventSourceMapping or AWS::ApiGatewayV2::Route",
            event.kind
        );
        return Err(reader.property(path, problem));
    }
    let properties: ScheduleProperties =
        serde_json::from_value(event.properties).map_err(|error| {
            reader.property(
                format!("{path}.Properties"),
                format!("{error}; correct it in the template"),
            )
        })?;
    let expression = Expression::parse(&properties.schedule_expression)
        .map_err(|problem| reader.property(format!("{path}.ScheduleExpression"), problem))?;
    let input = properties
        .input
        .map(|text| serde_json::from_str(&text))
        .transpose();
    let input = input.map_err(|error| {
        reader.property(format!("{path}.Input"), format!("{error}; write JSON"))
    })?;
    Ok(Schedule {
        name: format!("{}{name}", reader.logical),
        expression,
        input,
    })
}

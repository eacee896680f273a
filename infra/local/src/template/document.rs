//! The template as written: parameters, globals and resources, nothing resolved.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_norway::Value;

use super::TemplateError;

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    #[serde(rename = "Parameters", default)]
    pub(super) parameters: BTreeMap<String, Parameter>,
    #[serde(rename = "Conditions", default)]
    pub(super) conditions: BTreeMap<String, Value>,
    #[serde(rename = "Globals", default)]
    pub(super) globals: Globals,
    #[serde(rename = "Resources")]
    pub(super) resources: BTreeMap<String, Resource>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Parameter {
    #[serde(rename = "Default")]
    pub(super) default: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Globals {
    #[serde(rename = "Function", default)]
    pub(super) function: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resource {
    #[serde(rename = "Type")]
    pub(super) kind: String,
    /// Left out of the stack when it does not hold.
    #[serde(rename = "Condition")]
    pub(super) condition: Option<String>,
    #[serde(rename = "Properties", default)]
    pub(super) properties: BTreeMap<String, Value>,
    #[serde(rename = "Metadata", default)]
    pub(super) metadata: Value,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        serde_norway::from_str(text).map_err(|error| TemplateError::Syntax(error.to_string()))
    }
}

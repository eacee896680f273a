//! Tables.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::TemplateError;
use super::reader::Reader;

#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub logical: String,
    pub name: String,
    /// Name and type (`S`, `N` or `B`) of every key attribute.
    pub attributes: BTreeMap<String, String>,
    pub key: Vec<KeyPart>,
    pub indexes: Vec<Index>,
    /// The attribute after whose time an item goes.
    pub ttl: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct KeyPart {
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Index {
    pub index_name: String,
    pub key_schema: Vec<KeyPart>,
    pub projection: Projection,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Projection {
    pub projection_type: String,
    #[serde(default)]
    pub non_key_attributes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    attribute_definitions: Vec<AttributeDefinition>,
    key_schema: Vec<KeyPart>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    time_to_live_specification: Option<TimeToLive>,
    #[serde(rename = "BillingMode")]
    _billing: PayPerRequest,
}

/// Provisioned capacity would throttle on AWS and not here.
#[derive(Debug, Deserialize)]
enum PayPerRequest {
    #[serde(rename = "PAY_PER_REQUEST")]
    OnDemand,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Table, TemplateError> {
    let properties: Properties = reader.typed(
        &[
            "AttributeDefinitions",
            "BillingMode",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "TableName",
            "TimeToLiveSpecification",
        ],
        &[
            "DeletionProtectionEnabled",
            "PointInTimeRecoverySpecification",
            "SSESpecification",
            "Tags",
        ],
    )?;
    let attributes = properties.attribute_definitions.into_iter();
    Ok(Table {
        logical: reader.logical.to_owned(),
        name: reader.name()?,
        attributes: attributes
            .map(|it| (it.attribute_name, it.attribute_type))
            .collect(),
        key: properties.key_schema,
        indexes: properties.global_secondary_indexes,
        ttl: properties
            .time_to_live_specification
            .filter(|ttl| ttl.enabled)
            .map(|ttl| ttl.attribute_name),
    })
}

//! The HTTP API: five kinds of resources that together say which request reaches which function.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::TemplateError;
use super::reader::Reader;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpApi {
    pub routes: Vec<Route>,
    /// By logical name.
    pub authorizers: BTreeMap<String, Authorizer>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub logical: String,
    /// `GET /a/{b}` or `$default`.
    pub key: String,
    /// The function's name.
    pub function: String,
    /// Logical name of the authorizer; `None` for a public route.
    pub authorizer: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Authorizer {
    pub logical: String,
    /// The function's name.
    pub function: String,
    pub identity: Vec<IdentitySource>,
    /// How long an answer is used again; zero for never.
    pub ttl: Duration,
}

/// Where an authorizer's cache key comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum IdentitySource {
    /// The header's name as it is written, which is good in any case.
    Header(String),
    RouteKey,
}

/// What has been read; joined when all resources are known.
#[derive(Debug, Default)]
pub(super) struct Parts {
    routes: Vec<(String, RouteProperties)>,
    integrations: BTreeMap<String, String>,
    authorizers: BTreeMap<String, Authorizer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RouteProperties {
    route_key: String,
    target: String,
    #[serde(default)]
    authorization_type: AuthorizationType,
    authorizer_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
enum AuthorizationType {
    #[default]
    #[serde(rename = "NONE")]
    None,
    #[serde(rename = "CUSTOM")]
    Custom,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IntegrationProperties {
    integration_type: String,
    integration_uri: String,
    payload_format_version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthorizerProperties {
    authorizer_type: String,
    authorizer_uri: String,
    authorizer_payload_format_version: Option<String>,
    #[serde(default)]
    enable_simple_responses: bool,
    identity_source: Vec<String>,
    #[serde(default)]
    authorizer_result_ttl_in_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StageProperties {
    stage_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiProperties {
    protocol_type: String,
}

impl Parts {
    pub(super) fn take(&mut self, reader: &Reader<'_>) -> Result<(), TemplateError> {
        let logical = reader.logical.to_owned();
        match reader.resource.kind.as_str() {
            "AWS::ApiGatewayV2::Route" => {
                let honoured = ["AuthorizationType", "AuthorizerId", "RouteKey", "Target"];
                self.routes.push((
                    logical,
                    reader.typed(&honoured, &["ApiId", "OperationName"])?,
                ));
            }
            "AWS::ApiGatewayV2::Integration" => {
                self.integrations.insert(logical, integration(reader)?);
            }
            "AWS::ApiGatewayV2::Authorizer" => {
                self.authorizers.insert(logical, authorizer(reader)?);
            }
            "AWS::ApiGatewayV2::Stage" => stage(reader)?,
            "AWS::ApiGatewayV2::Api" => {
                let api: ApiProperties =
                    reader.typed(&["ProtocolType"], &["Description", "Name", "Tags"])?;
                must_be(reader, "ProtocolType", &api.protocol_type, "HTTP")?;
            }
            kind => {
                return Err(reader.error(format!(
                    "the local runner does not know the type {kind}; remove it"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<HttpApi, TemplateError> {
        let mut routes = Vec::new();
        for (logical, properties) in self.routes {
            let integration = properties.target.trim_start_matches("integrations/");
            let Some(function) = self.integrations.get(integration) else {
                return Err(super::no_such(
                    &logical,
                    "Target",
                    "integration",
                    integration,
                ));
            };
            let authorizer = match (properties.authorization_type, properties.authorizer_id) {
                (AuthorizationType::None, _) => None,
                (AuthorizationType::Custom, Some(id)) if self.authorizers.contains_key(&id) => {
                    Some(id)
                }
                (AuthorizationType::Custom, id) => {
                    return Err(super::no_such(
                        &logical,
                        "AuthorizerId",
                        "authorizer",
                        &id.unwrap_or_default(),
                    ));
                }
            };
            routes.push(Route {
                logical,
                key: properties.route_key,
                function: function.clone(),
                authorizer,
            });
        }
        Ok(HttpApi {
            routes,
            authorizers: self.authorizers,
        })
    }
}

fn integration(reader: &Reader<'_>) -> Result<String, TemplateError> {
    let honoured = ["IntegrationType", "IntegrationUri", "PayloadFormatVersion"];
    let properties: IntegrationProperties =
        reader.typed(&honoured, &["ApiId", "Description", "IntegrationMethod"])?;
    must_be(
        reader,
        "IntegrationType",
        &properties.integration_type,
        "AWS_PROXY",
    )?;
    must_be(
        reader,
        "PayloadFormatVersion",
        &properties.payload_format_version,
        "2.0",
    )?;
    function_of(reader, "IntegrationUri", &properties.integration_uri)
}

fn authorizer(reader: &Reader<'_>) -> Result<Authorizer, TemplateError> {
    let properties: AuthorizerProperties = reader.typed(
        &[
            "AuthorizerPayloadFormatVersion",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerType",
            "AuthorizerUri",
            "EnableSimpleResponses",
            "IdentitySource",
        ],
        &["ApiId", "Name"],
    )?;
    must_be(
        reader,
        "AuthorizerType",
        &properties.authorizer_type,
        "REQUEST",
    )?;
    let version = properties
        .authorizer_payload_format_version
        .unwrap_or_default();
    must_be(reader, "AuthorizerPayloadFormatVersion", &version, "2.0")?;
    if !properties.enable_simple_responses {
        return Err(reader.property(
            "EnableSimpleResponses",
            "must be true; policies are not supported here",
        ));
    }
    let identity = properties
        .identity_source
        .iter()
        .map(|source| identity(reader, source));
    Ok(Authorizer {
        logical: reader.logical.to_owned(),
        function: function_of(reader, "AuthorizerUri", &properties.authorizer_uri)?,
        identity: identity.collect::<Result<_, _>>()?,
        ttl: Duration::from_secs(properties.authorizer_result_ttl_in_seconds),
    })
}

fn stage(reader: &Reader<'_>) -> Result<(), TemplateError> {
    let ignored = [
        "AccessLogSettings",
        "ApiId",
        "AutoDeploy",
        "DefaultRouteSettings",
        "Tags",
    ];
    let stage: StageProperties = reader.typed(&["StageName"], &ignored)?;
    must_be(reader, "StageName", &stage.stage_name, "$default")
}

fn identity(reader: &Reader<'_>, source: &str) -> Result<IdentitySource, TemplateError> {
    if let Some(name) = source.strip_prefix("$request.header.") {
        return Ok(IdentitySource::Header(name.to_owned()));
    }
    if source == "$context.routeKey" {
        return Ok(IdentitySource::RouteKey);
    }
    let problem =
        format!("{source} is not supported here; use $request.header.<name> or $context.routeKey");
    Err(reader.property("IdentitySource", problem))
}

/// A function's ARN, bare or inside the invocation path API Gateway uses, leads to its name.
fn function_of(reader: &Reader<'_>, property: &str, uri: &str) -> Result<String, TemplateError> {
    let arn = uri.rsplit_once("/functions/").map_or(uri, |(_, arn)| arn);
    let name = arn
        .trim_end_matches("/invocations")
        .rsplit_once(":function:");
    let name = name.map(|(_, name)| name.to_owned());
    name.ok_or_else(|| reader.property(property, "names no function; use !GetAtt <function>.Arn"))
}

fn must_be(
    reader: &Reader<'_>,
    property: &str,
    value: &str,
    only: &str,
) -> Result<(), TemplateError> {
    if value == only {
        return Ok(());
    }
    let found = Value::from(value);
    Err(reader.property(
        property,
        format!("is {found}; only {} is supported here", Value::from(only)),
    ))
}

//! Intrinsic functions, resolved to what the embedded services will answer to.
//!
//! Short (`!Ref x`) and long (`Ref: x`) forms are the same to CloudFormation, and here.

use serde_json::{Map, Value as Json};
use serde_norway::Value as Yaml;

use super::document::{Document, Resource};
use crate::world;

/// Far deeper than a sensible template; ends a circle of references.
const DEEPEST: u8 = 32;

const SUPPORTED: &str = "Ref, GetAtt, Sub, Join, If, Equals and Not are supported here";

pub(super) struct Scope<'a> {
    pub(super) document: &'a Document,
}

type Resolved<T> = Result<T, String>;

impl Scope<'_> {
    /// The value with every intrinsic function replaced.
    pub(super) fn resolve(&self, value: &Yaml) -> Resolved<Json> {
        self.value(value, DEEPEST)
    }

    /// The name the resource has outside of the template.
    pub(super) fn physical_name(&self, logical: &str, resource: &Resource) -> Resolved<String> {
        self.name(logical, resource, DEEPEST)
    }

    /// Whether a condition holds, parameters having their defaults.
    pub(super) fn holds(&self, condition: &str) -> Resolved<bool> {
        self.condition(condition, DEEPEST)
    }

    fn condition(&self, name: &str, depth: u8) -> Resolved<bool> {
        let condition = self.document.conditions.get(name);
        let condition =
            condition.ok_or_else(|| format!("there is no condition {name}; correct the name"))?;
        let value = self.value(condition, depth)?;
        value
            .as_bool()
            .ok_or_else(|| format!("the condition {name} is not true or false"))
    }

    /// Only the branch taken is looked at: the other may name what this stack does not have.
    fn choose(&self, argument: &Yaml, depth: u8) -> Resolved<Json> {
        let Yaml::Sequence(parts) = argument else {
            return Err("If takes a condition and two values".to_owned());
        };
        let [Yaml::String(condition), then, otherwise] = parts.as_slice() else {
            return Err("If takes a condition and two values".to_owned());
        };
        let taken = if self.condition(condition, depth)? {
            then
        } else {
            otherwise
        };
        self.value(taken, depth)
    }

    fn value(&self, value: &Yaml, depth: u8) -> Resolved<Json> {
        let depth = depth
            .checked_sub(1)
            .ok_or("references run in a circle; break it")?;
        match value {
            Yaml::Null => Ok(Json::Null),
            Yaml::Bool(flag) => Ok(Json::Bool(*flag)),
            Yaml::Number(number) => serde_json::to_value(number).map_err(|error| error.to_string()),
            Yaml::String(text) => Ok(Json::String(text.clone())),
            Yaml::Sequence(items) => items.iter().map(|item| self.value(item, depth)).collect(),
            Yaml::Mapping(map) => self.mapping(map, depth),
            Yaml::Tagged(tagged) => {
                let tag = tagged.tag.to_string();
                self.intrinsic(tag.trim_start_matches('!'), &tagged.value, depth)
            }
        }
    }

    fn mapping(&self, map: &serde_norway::Mapping, depth: u8) -> Resolved<Json> {
        if let (1, Some((Yaml::String(key), argument))) = (map.len(), map.iter().next()) {
            if key == "Ref" {
                return self.intrinsic(key, argument, depth);
            }
            if let Some(function) = key.strip_prefix("Fn::") {
                return self.intrinsic(function, argument, depth);
            }
        }
        let mut resolved = Map::new();
        for (key, item) in map {
            let Yaml::String(key) = key else {
                return Err("a key is not text; put it in quotes".to_owned());
            };
            resolved.insert(key.clone(), self.value(item, depth)?);
        }
        Ok(Json::Object(resolved))
    }

    fn intrinsic(&self, function: &str, argument: &Yaml, depth: u8) -> Resolved<Json> {
        if function == "If" {
            return self.choose(argument, depth);
        }
        let argument = self.value(argument, depth)?;
        let text = match function {
            "Equals" => return equals(&argument).map(Json::Bool),
            "Not" => return not(&argument).map(Json::Bool),
            "Ref" => return self.reference(text(&argument)?, depth),
            "GetAtt" => self.attribute(&get_att(&argument)?, depth)?,
            "Sub" => self.substitute(&argument, depth)?,
            "Join" => join(&argument)?,
            other => {
                return Err(format!(
                    "the function {other} is not known here; {SUPPORTED}"
                ));
            }
        };
        Ok(Json::String(text))
    }

    fn reference(&self, name: &str, depth: u8) -> Resolved<Json> {
        if let Some(value) = pseudo_parameter(name) {
            return Ok(value);
        }
        if let Some(parameter) = self.document.parameters.get(name) {
            let default = parameter.default.as_ref();
            let default =
                default.ok_or_else(|| format!("parameter {name} has no Default; give it one"))?;
            return self.value(default, depth);
        }
        let resource = self.resource(name)?;
        let physical = self.name(name, resource, depth)?;
        let value = match resource.kind.as_str() {
            "AWS::SQS::Queue" => world::queue_url(&physical),
            _ => physical,
        };
        Ok(Json::String(value))
    }

    fn attribute(&self, path: &str, depth: u8) -> Resolved<String> {
        let (logical, attribute) = path.split_once('.').ok_or_else(|| {
            format!("GetAtt {path} names no attribute; write it as Resource.Attribute")
        })?;
        let resource = self.resource(logical)?;
        let name = self.name(logical, resource, depth)?;
        match (resource.kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "Arn") => Ok(world::arn("sqs", &name)),
            ("AWS::SQS::Queue", "QueueName") => Ok(name),
            ("AWS::SQS::Queue", "QueueUrl") => Ok(world::queue_url(&name)),
            ("AWS::DynamoDB::Table", "Arn") => Ok(world::arn("dynamodb", &format!("table/{name}"))),
            ("AWS::Serverless::Function", "Arn") => {
                Ok(world::arn("lambda", &format!("function:{name}")))
            }
            ("AWS::ApiGatewayV2::Authorizer", "AuthorizerId")
            | ("AWS::ApiGatewayV2::Api", "ApiId") => Ok(name),
            (kind, _) => Err(format!(
                "GetAtt {path}: this attribute of {kind} is not known here; teach infra/local/src/template/scope.rs"
            )),
        }
    }

    fn substitute(&self, argument: &Json, depth: u8) -> Resolved<String> {
        let (pattern, own) = match argument.as_array().map(Vec::as_slice) {
            None => (text(argument)?, None),
            Some([Json::String(pattern), Json::Object(own)]) => (pattern.as_str(), Some(own)),
            Some(_) => return Err("Sub takes a text, or a list of a text and a map".to_owned()),
        };
        let mut result = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after
                .split_once('}')
                .ok_or("a ${ in Sub is not closed; add the }")?;
            result.push_str(before);
            result.push_str(&self.variable(name, own, depth)?);
            rest = tail;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn variable(&self, name: &str, own: Option<&Map<String, Json>>, depth: u8) -> Resolved<String> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if let Some(value) = own.and_then(|own| own.get(name)) {
            return text(value).map(str::to_owned);
        }
        if name.contains('.') {
            return self.attribute(name, depth);
        }
        text(&self.reference(name, depth)?).map(str::to_owned)
    }

    fn name(&self, logical: &str, resource: &Resource, depth: u8) -> Resolved<String> {
        let property = match resource.kind.as_str() {
            "AWS::SQS::Queue" => "QueueName",
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::Serverless::Function" => "FunctionName",
            "AWS::ApiGatewayV2::Stage" => "StageName",
            "AWS::Logs::LogGroup" => "LogGroupName",
            _ => return Ok(logical.to_owned()),
        };
        match resource.properties.get(property) {
            Some(value) => text(&self.value(value, depth)?).map(str::to_owned),
            None => Ok(logical.to_owned()),
        }
    }

    fn resource(&self, logical: &str) -> Resolved<&Resource> {
        let resource = self.document.resources.get(logical);
        resource
            .ok_or_else(|| format!("there is no parameter or resource {logical}; correct the name"))
    }
}

fn pseudo_parameter(name: &str) -> Option<Json> {
    let value = match name {
        "AWS::Region" => world::REGION,
        "AWS::AccountId" => world::ACCOUNT,
        "AWS::StackName" => world::STACK,
        "AWS::Partition" => "aws",
        "AWS::URLSuffix" => world::URL_SUFFIX,
        "AWS::NoValue" => return Some(Json::Null),
        _ => return None,
    };
    Some(Json::String(value.to_owned()))
}

fn get_att(argument: &Json) -> Resolved<String> {
    let Some(parts) = argument.as_array() else {
        return text(argument).map(str::to_owned);
    };
    let parts: Result<Vec<_>, _> = parts.iter().map(text).collect();
    Ok(parts?.join("."))
}

fn join(argument: &Json) -> Resolved<String> {
    let Some([Json::String(separator), Json::Array(parts)]) =
        argument.as_array().map(Vec::as_slice)
    else {
        return Err("Join takes a separator and a list of texts".to_owned());
    };
    let parts: Result<Vec<_>, _> = parts.iter().map(text).collect();
    Ok(parts?.join(separator))
}

fn equals(argument: &Json) -> Resolved<bool> {
    match argument.as_array().map(Vec::as_slice) {
        Some([one, other]) => Ok(one == other),
        _ => Err("Equals takes two values".to_owned()),
    }
}

fn not(argument: &Json) -> Resolved<bool> {
    match argument.as_array().map(Vec::as_slice) {
        Some([Json::Bool(value)]) => Ok(!value),
        _ => Err("Not takes one condition".to_owned()),
    }
}

fn text(value: &Json) -> Resolved<&str> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a text, found {value}"))
}

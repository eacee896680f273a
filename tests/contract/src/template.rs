//! `template.yaml` as JSON, with CloudFormation's short tags in their long form.

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

use crate::workspace;

#[derive(Debug)]
pub struct Template(Value);

impl Template {
    pub fn load() -> Self {
        let yaml = serde_norway::from_str(&workspace::read("template.yaml")).unwrap();
        Self(long_form(yaml))
    }

    /// Resources of one type: logical id and properties.
    pub fn resources(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.0["Resources"].as_object().unwrap();
        let of_kind = resources
            .iter()
            .filter(|(_, resource)| resource["Type"] == kind);
        of_kind
            .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
            .collect()
    }

    /// The properties of one resource.
    pub fn properties(&self, id: &str) -> &Value {
        let resource = &self.0["Resources"][id];
        assert!(resource.is_object(), "template.yaml has no resource {id}");
        &resource["Properties"]
    }

    pub fn functions(&self) -> Vec<Function<'_>> {
        let functions = self.resources("AWS::Serverless::Function");
        functions
            .into_iter()
            .map(|(id, properties)| Function { id, properties })
            .collect()
    }

    pub fn function(&self, id: &str) -> Function<'_> {
        let found = self
            .functions()
            .into_iter()
            .find(|function| function.id == id);
        found.unwrap_or_else(|| panic!("template.yaml has no function {id}"))
    }

    /// Event source mappings with the queue each one reads.
    pub fn sources(&self) -> Vec<Source<'_>> {
        let sources = self.resources("AWS::Lambda::EventSourceMapping");
        sources
            .into_iter()
            .map(|(id, properties)| Source { id, properties })
            .collect()
    }

    pub fn build_method(&self, id: &str) -> &Value {
        &self.0["Resources"][id]["Metadata"]["BuildMethod"]
    }

    pub fn globals(&self) -> &Value {
        &self.0["Globals"]["Function"]
    }

    pub fn deletion_policies(&self, id: &str) -> [&Value; 2] {
        let resource = &self.0["Resources"][id];
        [
            &resource["DeletionPolicy"],
            &resource["UpdateReplacePolicy"],
        ]
    }
}

#[derive(Debug)]
pub struct Function<'a> {
    pub id: &'a str,
    pub properties: &'a Value,
}

impl<'a> Function<'a> {
    /// The folder and the crate share the name.
    pub fn crate_name(&self) -> &'a str {
        let folder = self.properties["CodeUri"].as_str().unwrap();
        folder.strip_prefix("functions/").unwrap()
    }

    pub fn timeout(&self) -> u64 {
        self.properties["Timeout"]
            .as_u64()
            .unwrap_or_else(|| panic!("{} sets no Timeout", self.id))
    }

    pub fn variables(&self) -> &'a Map<String, Value> {
        self.properties["Environment"]["Variables"]
            .as_object()
            .unwrap()
    }

    /// Each granted action with one resource it is granted on.
    pub fn grants(&self) -> Vec<(&'a str, &'a Value)> {
        let policies = self.properties["Policies"].as_array().unwrap();
        let statements = policies
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().unwrap());
        let pairs = statements.flat_map(|statement| {
            assert_eq!(statement["Effect"], "Allow");
            let resources = one_or_many(&statement["Resource"]);
            one_or_many(&statement["Action"])
                .into_iter()
                .flat_map(move |action| {
                    resources
                        .clone()
                        .into_iter()
                        .map(move |resource| (action, resource))
                })
        });
        pairs
            .map(|(action, resource)| (action.as_str().unwrap(), resource))
            .collect()
    }

    /// Logical ids on which `action` is granted.
    pub fn granted(&self, action: &str) -> Vec<&'a str> {
        let grants = self
            .grants()
            .into_iter()
            .filter(|(granted, _)| *granted == action);
        grants
            .filter_map(|(_, resource)| referenced(resource))
            .collect()
    }
}

#[derive(Debug)]
pub struct Source<'a> {
    pub id: &'a str,
    pub properties: &'a Value,
}

impl<'a> Source<'a> {
    pub fn queue(&self) -> &'a str {
        referenced(&self.properties["EventSourceArn"]).unwrap()
    }

    pub fn function(&self) -> &'a str {
        referenced(&self.properties["FunctionName"]).unwrap()
    }
}

/// The logical id that a value names, be it by `Ref`, by `Fn::GetAtt`, or as the only `${…}` of a
/// `Fn::Sub`.
pub fn referenced(value: &Value) -> Option<&str> {
    let by_sub = || {
        let (_, rest) = value["Fn::Sub"].as_str()?.split_once("${")?;
        let (name, rest) = rest.split_once('}')?;
        if rest.contains("${") {
            return None;
        }
        name.split('.').next()
    };
    value["Ref"]
        .as_str()
        .or_else(|| value["Fn::GetAtt"][0].as_str())
        .or_else(by_sub)
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value
        .as_array()
        .map_or_else(|| vec![value], |many| many.iter().collect())
}

fn long_form(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => serde_json::to_value(number).unwrap(),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(long_form).collect(),
        Yaml::Mapping(map) => {
            let text = |key: Yaml| key.as_str().unwrap().to_owned();
            Value::Object(
                map.into_iter()
                    .map(|(key, value)| (text(key), long_form(value)))
                    .collect(),
            )
        }
        Yaml::Tagged(tagged) => {
            let argument = long_form(tagged.value);
            let tag = tagged.tag.to_string();
            match tag.trim_start_matches('!') {
                name @ ("Ref" | "Condition") => json!({ name: argument }),
                "GetAtt" => {
                    let (id, attribute) = argument.as_str().unwrap().split_once('.').unwrap();
                    json!({ "Fn::GetAtt": [id, attribute] })
                }
                name => json!({ format!("Fn::{name}"): argument }),
            }
        }
    }
}

#[test]
fn short_and_long_forms_are_the_same() {
    let yaml = "a: !Ref X\nb: !GetAtt X.Arn\nc: !Sub 'p/${X}'\nd: !Sub '${X}${Y}'\n";
    let value = long_form(serde_norway::from_str(yaml).unwrap());
    let names: Vec<_> = ["a", "b", "c", "d"]
        .map(|key| referenced(&value[key]))
        .into();
    assert_eq!(names, [Some("X"), Some("X"), Some("X"), None]);
}

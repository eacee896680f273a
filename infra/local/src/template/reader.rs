//! One resource's properties as a typed value, with errors that name resource and property.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::TemplateError;
use super::document::Resource;
use super::scope::Scope;

pub(super) struct Reader<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) logical: &'a str,
    pub(super) resource: &'a Resource,
}

impl Reader<'_> {
    /// Reads the properties in `honoured`, skips those in `ignored`, which make no difference on
    /// one machine, and refuses all others: a property without effect would be a silent lie.
    pub(super) fn typed<T: DeserializeOwned>(
        &self,
        honoured: &[&str],
        ignored: &[&str],
    ) -> Result<T, TemplateError> {
        let mut object = Map::new();
        for (name, value) in &self.resource.properties {
            if honoured.contains(&name.as_str()) {
                let value = self
                    .scope
                    .resolve(value)
                    .map_err(|problem| self.property(name, problem))?;
                object.insert(name.clone(), value);
            } else if !ignored.contains(&name.as_str()) {
                return Err(self.property(name, self.unknown()));
            }
        }
        self.decode(Json::Object(object))
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, object: Json) -> Result<T, TemplateError> {
        serde_path_to_error::deserialize(object).map_err(|error| {
            let path = error.path().to_string();
            let problem = format!("{}; correct it in the template", error.into_inner());
            if path == "." {
                self.error(problem)
            } else {
                self.property(path, problem)
            }
        })
    }

    pub(super) fn name(&self) -> Result<String, TemplateError> {
        self.scope
            .physical_name(self.logical, self.resource)
            .map_err(|problem| self.error(problem))
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> TemplateError {
        TemplateError::resource(self.logical, problem)
    }

    pub(super) fn property(
        &self,
        property: impl Into<String>,
        problem: impl Into<String>,
    ) -> TemplateError {
        TemplateError::property(self.logical, property, problem)
    }

    fn unknown(&self) -> String {
        format!(
            "the local runner does not know this property of {}; remove it, or teach infra/local/src/template what it means",
            self.resource.kind
        )
    }
}

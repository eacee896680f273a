use std::path::PathBuf;

/// Why a template cannot be run here. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("read the template {}: name an existing file with --template", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("parse the template: {0}; correct the YAML there")]
    Syntax(String),
    #[error("use template resource {resource}: {problem}")]
    Resource { resource: String, problem: String },
    #[error("use template resource {resource}, property {property}: {problem}")]
    Property {
        resource: String,
        property: String,
        problem: String,
    },
}

impl TemplateError {
    pub(super) fn resource(resource: &str, problem: impl Into<String>) -> Self {
        Self::Resource {
            resource: resource.to_owned(),
            problem: problem.into(),
        }
    }

    pub(super) fn property(
        resource: &str,
        property: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Property {
            resource: resource.to_owned(),
            property: property.into(),
            problem: problem.into(),
        }
    }
}

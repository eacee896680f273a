//! The errors of Secrets Manager.

use serde::Serialize;

use crate::journal::NotDurable;
use crate::protocol::{JSON_1_1, Reply};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    InternalService,
    InvalidParameter,
    InvalidRequest,
    LimitExceeded,
    ResourceExists,
    ResourceNotFound,
    Serialization,
    Validation,
}

/// A request Secrets Manager refuses. The message never holds a secret's value.
#[derive(Debug)]
pub(super) struct SecretsError {
    code: Code,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(rename = "__type")]
    shape: &'a str,
    message: &'a str,
}

impl Code {
    fn shape(self) -> &'static str {
        match self {
            Self::InternalService => "InternalServiceError",
            Self::InvalidParameter => "InvalidParameterException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::LimitExceeded => "LimitExceededException",
            Self::ResourceExists => "ResourceExistsException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Serialization => "SerializationException",
            Self::Validation => "ValidationException",
        }
    }
}

impl SecretsError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(
            Code::ResourceNotFound,
            "Secrets Manager can't find the specified secret.",
        )
    }

    pub(super) fn no_version(what: &str) -> Self {
        let message = format!("Secrets Manager can't find the specified secret value for {what}");
        Self::new(Code::ResourceNotFound, message)
    }

    pub(super) fn reply(&self) -> Reply {
        let status = if self.code == Code::InternalService {
            500
        } else {
            400
        };
        Reply::error(
            status,
            JSON_1_1,
            &Body {
                shape: self.code.shape(),
                message: &self.message,
            },
        )
    }
}

impl From<NotDurable> for SecretsError {
    fn from(error: NotDurable) -> Self {
        Self::new(Code::InternalService, error.to_string())
    }
}

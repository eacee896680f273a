//! What all three services speak: AWS JSON over HTTP, without the HTTP.

use serde::Serialize;

pub(crate) const JSON_1_0: &str = "application/x-amz-json-1.0";
pub(crate) const JSON_1_1: &str = "application/x-amz-json-1.1";

/// An answer before it becomes an HTTP response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn json(content_type: &'static str, body: &impl Serialize) -> Self {
        // Our own response types have text keys only, so they always serialise.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self {
            status: 200,
            content_type,
            body,
            headers: Vec::new(),
        }
    }

    pub(crate) fn error(status: u16, content_type: &'static str, error: &impl Serialize) -> Self {
        Self {
            status,
            ..Self::json(content_type, error)
        }
    }
}

/// The error body of the AWS JSON protocols; DynamoDB and SQS spell `message`, Secrets Manager `Message`.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    pub(crate) shape: &'a str,
    pub(crate) message: &'a str,
}

pub(crate) fn unknown_operation(message: &str) -> Reply {
    let shape = "com.amazon.coral.service#UnknownOperationException";
    Reply::error(400, JSON_1_0, &ErrorBody { shape, message })
}

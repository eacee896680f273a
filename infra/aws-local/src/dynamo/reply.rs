//! How the engine's errors and a body it cannot read look on the wire.

use dynoxide::DynoxideError;

use crate::protocol::{JSON_1_0, Reply};

const ENVELOPE: &str = "1 validation error detected: ";

type ErrorClass = fn(String) -> DynoxideError;

/// The prefixes by which the engine's decoders say which error a problem is.
const DECODER_MARKS: &[(&str, ErrorClass)] = &[
    (
        "SERIALIZATION_AS_READ:",
        DynoxideError::SerializationException,
    ),
    ("VALIDATION_AS_READ:", DynoxideError::ValidationException),
    ("SERIALIZATION:", DynoxideError::SerializationException),
    ("VALIDATION_REQUEST:", DynoxideError::EnvelopedValidation),
    ("VALIDATION:", DynoxideError::ValidationException),
];

pub(super) fn success(body: Vec<u8>) -> Reply {
    with_checksum(Reply {
        status: 200,
        content_type: JSON_1_0,
        body,
        headers: Vec::new(),
    })
}

pub(super) fn failure(operation: &str, error: DynoxideError) -> Reply {
    let error = enveloped(operation, error);
    let body = error.to_json().into_bytes();
    with_checksum(Reply {
        status: error.status_code(),
        content_type: JSON_1_0,
        body,
        headers: Vec::new(),
    })
}

/// Single-item writes name the count of problems before the problem; the others do not.
fn enveloped(operation: &str, error: DynoxideError) -> DynoxideError {
    let is_single_write = matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem");
    if let DynoxideError::EnvelopedValidation(message) = &error
        && is_single_write
        && !message.starts_with(ENVELOPE)
    {
        return DynoxideError::ValidationException(format!("{ENVELOPE}{message}"));
    }
    error
}

/// A body the engine's decoder refused.
pub(super) fn undecodable(error: &serde_json::Error) -> DynoxideError {
    let problem = error.to_string();
    let marked = DECODER_MARKS
        .iter()
        .find_map(|(mark, class)| Some((problem.strip_prefix(mark)?, class)));
    if let Some((problem, class)) = marked {
        return class(without_position(problem).to_owned());
    }
    let validation = [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "Supplied AttributeValue",
    ];
    if validation.iter().any(|text| problem.contains(text)) {
        return DynoxideError::ValidationException(without_position(&problem).to_owned());
    }
    DynoxideError::SerializationException(without_position(&problem).to_owned())
}

fn without_position(problem: &str) -> &str {
    problem
        .rsplit_once(" at line ")
        .map_or(problem, |(problem, _)| problem)
}

/// botocore compares this with what it received.
fn with_checksum(mut reply: Reply) -> Reply {
    reply
        .headers
        .push(("x-amz-crc32", crc32fast::hash(&reply.body).to_string()));
    reply
}

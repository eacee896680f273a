//! Listings in pages: what their query parameters say.

use domain::field::FieldError;

use crate::call::Call;
use crate::problem::Problem;

/// Items per page when the caller does not say.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The `limit` of a listing, 1 to 200; 50 when absent.
///
/// # Errors
/// When it is anything else.
pub fn limit(call: &Call) -> Result<usize, Problem> {
    let Some(text) = call.query("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| invalid("limit", &format!("must be a number from 1 to {MAX_LIMIT}")))
}

/// The `cursor` of a listing, as `parse` understands it; `None` when absent.
///
/// # Errors
/// When `parse` does not understand it.
pub fn cursor<T>(call: &Call, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    let parsed = call.query("cursor").map(|text| {
        parse(text).ok_or_else(|| invalid("cursor", "must be a nextCursor of this listing"))
    });
    parsed.transpose()
}

/// A parameter that does not have the form it should.
#[must_use]
pub fn invalid(field: &str, message: &str) -> Problem {
    Problem::InvalidFields(vec![FieldError::new(field, "format", message)])
}

//! Listings in pages: what their query parameters say.

use domain::field::FieldError;
use sha2::{Digest as _, Sha256};

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
    limit_within(call, DEFAULT_LIMIT, MAX_LIMIT)
}

/// The `limit` of a listing of large items, 1 to `most`; `default` when absent.
///
/// # Errors
/// When it is anything else.
pub fn limit_within(call: &Call, default: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = call.query("limit") else {
        return Ok(default);
    };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| invalid("limit", &format!("must be a number from 1 to {most}")))
}

/// The `cursor` of a listing, as `parse` understands it; `None` when absent.
///
/// # Errors
/// When it is not one that [`next_cursor`] gave for this path, or `parse` does not understand it.
pub fn cursor<T>(call: &Call, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    let parsed = call.query("cursor").map(|text| {
        let place = text.rsplit_once('.').and_then(|(place, _)| {
            let known = next_cursor(call, place);
            parse(place).filter(|_| known == text)
        });
        place.ok_or_else(|| invalid("cursor", "must be a nextCursor of this listing"))
    });
    parsed.transpose()
}

/// The text by which a caller asks for what follows `place` in the listing that was called. It is good
/// there alone, and not when it was changed: a place elsewhere would skip some silently.
#[must_use]
pub fn next_cursor(call: &Call, place: &str) -> String {
    let path = call.request.raw_path.as_deref().unwrap_or_default();
    let seal = Sha256::digest([path.as_bytes(), b"\n", place.as_bytes()].concat());
    let seal = domain::base32::encode(&seal);
    let seal: String = seal.chars().take(8).collect();
    format!("{place}.{seal}")
}

/// A parameter that does not have the form it should.
#[must_use]
pub fn invalid(field: &str, message: &str) -> Problem {
    Problem::InvalidFields(vec![FieldError::new(field, "format", message)])
}

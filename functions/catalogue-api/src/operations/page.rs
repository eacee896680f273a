use domain::field::FieldError;
use http_api::{Call, Problem};

/// Items per page when the caller does not say.
const DEFAULT_LIMIT: usize = 20;
/// As many with the longest schema and example fit one answer of Lambda, 6 MB.
const MAX_LIMIT: usize = 50;

/// The `limit` of a listing.
pub(super) fn limit(call: &Call) -> Result<usize, Problem> {
    let Some(text) = call.query("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| invalid("limit", &format!("must be a number from 1 to {MAX_LIMIT}")))
}

/// The `cursor` of a listing, as `parse` understands it.
pub(super) fn cursor<T>(
    call: &Call,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let parsed = call.query("cursor").map(|text| {
        parse(text).ok_or_else(|| invalid("cursor", "must be a nextCursor of this listing"))
    });
    parsed.transpose()
}

fn invalid(field: &str, message: &str) -> Problem {
    Problem::InvalidFields(vec![FieldError::new(field, "format", message)])
}

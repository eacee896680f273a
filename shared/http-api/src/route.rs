use domain::api_key::Permission;

use crate::Problem;

/// One operation of an API. The table of an API function's routes is the only place that knows
/// its paths; the OpenAPI document and the template are tested against it.
#[derive(Debug, Clone, Copy)]
pub struct Route<O: 'static> {
    /// In upper case, e.g. `GET`.
    pub method: &'static str,
    /// As in OpenAPI, e.g. `/v1/networks/{network}/webhooks/{id}`.
    pub path: &'static str,
    /// Any one of these is enough; empty for operations open to everyone.
    pub needs: &'static [Permission],
    /// What the function that runs operations is given to tell them apart.
    pub operation: O,
    /// The OpenAPI `operationId`.
    pub name: &'static str,
}

/// Declares the operations of an API function and their table, `ROUTES`: per line the operation, its
/// method and path, the permissions of which any one is enough, and its `operationId`.
#[macro_export]
macro_rules! routes {
    ($($operation:ident $method:literal $path:literal $needs:expr, $name:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation { $($operation),+ }

        /// Every path of this function.
        pub const ROUTES: &[$crate::Route<Operation>] = &[
            $($crate::Route { method: $method, path: $path, needs: $needs, operation: Operation::$operation, name: $name }),+
        ];
    };
}

/// A route found for a request, with the values of the path's parameters.
#[derive(Debug)]
pub(crate) struct Found<'r, O: 'static> {
    pub(crate) route: &'r Route<O>,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

pub(crate) fn find<'r, O>(
    routes: &'r [Route<O>],
    method: &str,
    path: &str,
) -> Result<Found<'r, O>, Problem> {
    let mut allowed = Vec::new();
    for route in routes {
        let Some(parameters) = matched(route.path, path) else {
            continue;
        };
        if route.method == method {
            return Ok(Found { route, parameters });
        }
        allowed.push(route.method);
    }
    Err(if allowed.is_empty() {
        Problem::UnknownPath
    } else {
        Problem::MethodNotAllowed { allowed }
    })
}

fn matched(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut parameters = Vec::new();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(value)) => match parameter(name) {
                Some(_) if value.is_empty() => return None,
                Some(name) => parameters.push((name, percent_decoded(value)?)),
                None if name == value => {}
                None => return None,
            },
            (None, Some(_)) | (Some(_), None) => return None,
        }
    }
}

fn parameter(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// RFC 3986 §2.1; `None` when the escapes are broken or hide something that is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| char::from(b?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &[Route<u8>] = &[
        Route {
            method: "GET",
            path: "/v1/n/{network}/x",
            needs: &[],
            operation: 1,
            name: "a",
        },
        Route {
            method: "POST",
            path: "/v1/n/{network}/x",
            needs: &[],
            operation: 2,
            name: "b",
        },
        Route {
            method: "GET",
            path: "/v1/n/{network}/x/{id}",
            needs: &[],
            operation: 3,
            name: "c",
        },
    ];

    #[test]
    fn requests_find_their_operation_or_the_reason_why_not() {
        for (method, path, expected) in [
            ("GET", "/v1/n/demo/x", Ok((1, "demo".to_owned()))),
            ("POST", "/v1/n/a%2Fb/x", Ok((2, "a/b".to_owned()))),
            ("GET", "/v1/n/demo/x/1", Ok((3, "demo".to_owned()))),
            ("GET", "/v1/n/demo/x/", Err("unknown-path")),
            ("GET", "/v1/n//x", Err("unknown-path")),
            ("GET", "/v1/n/%zz/x", Err("unknown-path")),
            ("GET", "/v1/n/%ff/x", Err("unknown-path")),
            ("PUT", "/v1/n/demo/x", Err("method-not-allowed")),
            ("GET", "/", Err("unknown-path")),
        ] {
            let found = find(ROUTES, method, path)
                .map(|found| (found.route.operation, found.parameters[0].1.clone()))
                .map_err(|problem| problem.entry().id);
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}

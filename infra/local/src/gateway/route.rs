//! Which route a request takes: the most specific one, as API Gateway chooses.

use std::collections::HashMap;

use http::Method;

/// Routes with what they lead to, most specific first.
#[derive(Debug)]
pub(super) struct Routes<T>(Vec<Compiled<T>>);

#[derive(Debug)]
struct Compiled<T> {
    key: String,
    /// `None` for `ANY`.
    method: Option<Method>,
    /// `None` for `$default`.
    path: Option<Vec<Segment>>,
    target: T,
}

/// In order of specificity.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    Greedy(String),
}

#[derive(Debug)]
pub(super) struct Found<'a, T> {
    pub(super) key: &'a str,
    pub(super) target: &'a T,
    pub(super) parameters: HashMap<String, String>,
}

impl<T> Routes<T> {
    /// Compiles `(route key, target)` pairs.
    ///
    /// # Errors
    /// The first key that is none.
    pub(super) fn compile(routes: Vec<(String, T)>) -> Result<Self, String> {
        let mut compiled = Vec::new();
        for (key, target) in routes {
            let Some((method, path)) = parse(&key) else {
                return Err(key);
            };
            compiled.push(Compiled {
                key,
                method,
                path,
                target,
            });
        }
        compiled.sort_by_key(rank);
        Ok(Self(compiled))
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Found<'_, T>> {
        self.0.iter().find_map(|route| {
            let right_method = route.method.as_ref().is_none_or(|own| own == method);
            let parameters = match &route.path {
                Some(pattern) => right_method.then(|| matches(pattern, path))??,
                None => HashMap::new(),
            };
            Some(Found {
                key: &route.key,
                target: &route.target,
                parameters,
            })
        })
    }
}

type Parsed = (Option<Method>, Option<Vec<Segment>>);

fn parse(key: &str) -> Option<Parsed> {
    if key == "$default" {
        return Some((None, None));
    }
    let (method, path) = key.split_once(' ')?;
    let method = match method {
        "ANY" => None,
        other => Some(Method::from_bytes(other.as_bytes()).ok()?),
    };
    let segments = path.strip_prefix('/')?.split('/').map(|text| {
        match text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Greedy(name.to_owned()),
                None => Segment::Parameter(name.to_owned()),
            },
            None => Segment::Literal(text.to_owned()),
        }
    });
    Some((method, Some(segments.collect())))
}

/// Literals before parameters before greedy ones, a named method before `ANY`, `$default` last.
fn rank<T>(route: &Compiled<T>) -> (bool, Vec<u8>, bool) {
    let kinds = route.path.iter().flatten().map(|segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Parameter(_) => 1,
        Segment::Greedy(_) => 2,
    });
    (
        route.path.is_none(),
        kinds.collect(),
        route.method.is_none(),
    )
}

fn matches(pattern: &[Segment], path: &str) -> Option<HashMap<String, String>> {
    let mut rest = Some(path.strip_prefix('/')?);
    let mut parameters = HashMap::new();
    for segment in pattern {
        let left = rest?;
        let (text, after) = match left.split_once('/') {
            Some((text, after)) => (text, Some(after)),
            None => (left, None),
        };
        match segment {
            Segment::Literal(literal) if literal == text => {}
            Segment::Parameter(name) if !text.is_empty() => {
                parameters.insert(name.clone(), decode(text));
            }
            Segment::Greedy(name) if !left.is_empty() => {
                parameters.insert(name.clone(), decode(left));
                return Some(parameters);
            }
            Segment::Literal(_) | Segment::Parameter(_) | Segment::Greedy(_) => return None,
        }
        rest = after;
    }
    rest.is_none().then_some(parameters)
}

/// RFC 3986 §2.1; what is not a valid escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "ANY /pets/{id}",
            "GET /pets/{id}",
            "GET /pets/dog",
            "GET /pets/{proxy+}",
            "POST /pets",
            "ANY /a/{b}/c/{rest+}",
        ];
        let routes = Routes::compile(keys.map(|key| (key.to_owned(), ())).to_vec()).unwrap();
        for (request, key, parameters) in [
            ("GET /pets/dog", "GET /pets/dog", ""),
            ("PUT /pets/dog", "ANY /pets/{id}", "id=dog"),
            ("GET /pets/a%20cat%2", "GET /pets/{id}", "id=a cat%2"),
            ("GET /pets/dog/1", "GET /pets/{proxy+}", "proxy=dog/1"),
            ("POST /pets/dog/1", "ANY /{proxy+}", "proxy=pets/dog/1"),
            ("POST /pets", "POST /pets", ""),
            ("GET /pets", "ANY /{proxy+}", "proxy=pets"),
            ("GET /pets/", "ANY /{proxy+}", "proxy=pets/"),
            ("GET /a/b/c/d/e", "ANY /a/{b}/c/{rest+}", "b=b rest=d/e"),
            ("GET /a/b/c", "ANY /{proxy+}", "proxy=a/b/c"),
            ("GET /", "$default", ""),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            let found = routes.find(&method.parse().unwrap(), path).unwrap();
            let mut shown: Vec<_> = found
                .parameters
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            shown.sort();
            assert_eq!(
                (found.key, shown.join(" ")),
                (key, parameters.to_owned()),
                "{request}"
            );
        }
    }

    #[test]
    fn without_a_default_there_may_be_no_route() {
        let routes = Routes::compile(vec![("GET /a".to_owned(), ())]).unwrap();
        assert!(routes.find(&Method::POST, "/a").is_none());
        assert!(routes.find(&Method::GET, "/b").is_none());
        assert_eq!(
            Routes::compile(vec![("nonsense".to_owned(), ())]).unwrap_err(),
            "nonsense"
        );
    }
}

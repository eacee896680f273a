//! What the simulated phones show: `GET /v1/simulator/pushes`, which only this program has.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use serde::Serialize;
use simulator::{Received, Simulator};

const PATH: &str = "/v1/simulator/pushes";

/// Most pushes in one answer.
const MAX_SHOWN: usize = 1000;

#[derive(Serialize)]
struct Shown<'a> {
    /// Newest first.
    items: Vec<&'a Received>,
    /// How many requests to push there were.
    total: usize,
    /// How many of them reached a phone.
    delivered: usize,
}

/// The answer, when the request is for the phones.
pub(crate) fn answer<B>(
    simulator: &Simulator,
    request: &Request<B>,
) -> Option<Response<Full<Bytes>>> {
    if request.method() != Method::GET || request.uri().path() != PATH {
        return None;
    }
    let pushes = simulator.pushes();
    let shown = Shown {
        items: pushes.iter().rev().take(MAX_SHOWN).collect(),
        total: pushes.len(),
        delivered: pushes.iter().filter(|push| push.delivered).count(),
    };
    let body = serde_json::to_vec(&shown).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Some(response)
}

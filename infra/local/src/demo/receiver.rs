//! A customer's endpoint, played honestly: it believes nothing that is not signed.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use domain::time::Timestamp;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use runtime::Clock;
use serde::Deserialize;

use super::tally::{Receipt, Tally, Verdict};
use crate::verify::Verifier;

const MAX_BODY: usize = 512 * 1024;

/// One receiver. Its secret is known once its endpoint has been created.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) number: usize,
    /// How many messages it refuses once, so that retries are seen.
    pub(super) refusals: usize,
    pub(super) verifier: OnceLock<Verifier>,
    pub(super) tally: Arc<Tally>,
    pub(super) clock: Clock,
}

/// The part of the envelope that is measured: without a producer's own time it is the time of
/// acceptance.
#[derive(Deserialize)]
struct Envelope<'a> {
    timestamp: &'a str,
}

impl Receiver {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = self.receive(request).await;
        answer
    }

    async fn receive(&self, request: Request<Incoming>) -> StatusCode {
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return StatusCode::PAYLOAD_TOO_LARGE;
        };
        let Some(receipt) = self.receipt(&parts.headers, &body.to_bytes()) else {
            return StatusCode::BAD_REQUEST;
        };
        match self.tally.take(receipt) {
            Verdict::Accept => StatusCode::OK,
            Verdict::Refuse => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn receipt(&self, headers: &HeaderMap, body: &[u8]) -> Option<Receipt> {
        let envelope: Envelope<'_> = serde_json::from_slice(body).ok()?;
        let accepted = Timestamp::parse(envelope.timestamp)?;
        let verifier = self.verifier.get();
        Some(Receipt {
            receiver: self.number,
            id: headers.get("webhook-id")?.to_str().ok()?.to_owned(),
            trusted: verifier.is_some_and(|verifier| verifier.verify(headers, body).is_ok()),
            latency: self.clock.now().since(accepted),
            refusals: self.refusals,
        })
    }
}

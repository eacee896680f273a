//! From what the client saw to a finished attempt.

use std::time::Duration;

use domain::attempt::{
    Attempt, Control, Excerpt, Outcome, Response, Seen, Timing, Tls, Verdict, Wishes, judge,
    retry_after,
};
use domain::endpoint::KeepResponses;
use domain::time::Timestamp;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use outbound::{Answer, Connection, Failure};

use crate::hidden::Hidden;

/// A finished attempt: what is recorded of it, what it means, and the whole answer where it is kept.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) attempt: Attempt,
    pub(crate) verdict: Verdict,
    /// To be kept in a record of its own: the endpoint wants it, and the excerpt beside the attempt is
    /// not all of it.
    pub(crate) whole: Option<Response>,
}

impl Made {
    /// Nothing was sent; `last` when no later attempt can help.
    pub(crate) fn unsent(
        number: u32,
        at: Timestamp,
        reason: &'static str,
        explanation: &'static str,
        last: bool,
    ) -> Self {
        let verdict = judge(Seen::Failure {
            word: reason,
            explanation,
        });
        Self {
            attempt: Attempt::unsent(number, at, reason, explanation),
            verdict: Verdict { last, ..verdict },
            whole: None,
        }
    }

    /// Something was sent, or at least tried; `keep` says whose whole answer is kept, and nothing of
    /// what is hidden is.
    pub(crate) fn sent(
        number: u32,
        at: Timestamp,
        now: Timestamp,
        answer: &Result<Answer, Failure>,
        (keep, hidden): (KeepResponses, &Hidden),
    ) -> Self {
        let mut verdict = judge(seen(answer, now));
        if let (Outcome::Failed, Err(failure)) = (verdict.outcome, answer)
            && failure.partial.is_some()
        {
            let how = failure.kind.explain();
            verdict.explanation = format!("{}; its answer broke off: {how}", verdict.explanation);
        }
        let (connection, status) = match answer {
            Ok(answer) => (&answer.connection, Some(answer.status)),
            Err(failure) => (&*failure.connection, failure.status()),
        };
        let response = response(answer).map(|response| hidden.masked(response));
        let limit = match verdict.outcome {
            Outcome::Succeeded => Excerpt::OF_SUCCESS,
            Outcome::Failed => Excerpt::OF_FAILURE,
        };
        let excerpt = response.as_ref().map(|response| response.excerpt(limit));
        let kept = keep.includes(verdict.outcome) && response != excerpt;
        let mut attempt = attempt(number, at, connection, status, &verdict);
        attempt.response = excerpt.filter(|response| !response.is_empty());
        Self {
            attempt,
            verdict,
            whole: response.filter(|_| kept),
        }
    }
}

fn seen(answer: &Result<Answer, Failure>, now: Timestamp) -> Seen {
    match answer {
        Ok(answer) => Seen::Answer {
            status: answer.status,
            wishes: wishes(&answer.headers, now),
        },
        Err(failure) => match &failure.partial {
            // Status and headers are the receiver's word; that its body broke off changes nothing.
            Some(partial) => Seen::Answer {
                status: partial.status,
                wishes: wishes(&partial.headers, now),
            },
            None => Seen::Failure {
                word: failure.kind.word(),
                explanation: failure.kind.explain(),
            },
        },
    }
}

fn wishes(headers: &HeaderMap, now: Timestamp) -> Wishes {
    let lines = |name: &str| {
        let values = headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    };
    // Of several waits the longest: one that is too long costs time, one too short costs a try.
    let waits = lines(RETRY_AFTER.as_str()).filter_map(|text| retry_after(text, now));
    Wishes {
        retry_after: waits.max(),
        control: Control::parse(lines("webhook-delivery")),
    }
}

/// What was answered, if anything, also when it broke off.
fn response(answer: &Result<Answer, Failure>) -> Option<Response> {
    let (headers, body, truncated) = match answer {
        Ok(answer) => (&answer.headers, &answer.body, answer.body_truncated),
        Err(failure) => {
            let partial = failure.partial.as_ref()?;
            (&partial.headers, &partial.body, true)
        }
    };
    let headers = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    Some(Response {
        headers: headers.collect(),
        body: String::from_utf8_lossy(body).into_owned(),
        truncated,
    })
}

fn attempt(
    number: u32,
    at: Timestamp,
    connection: &Connection,
    status: Option<u16>,
    verdict: &Verdict,
) -> Attempt {
    let timing = connection.timing;
    Attempt {
        number,
        at,
        timing: Timing {
            dns: timing.dns.map(millis),
            connect: timing.connect.map(millis),
            tls: timing.tls.map(millis),
            first_byte: timing.first_byte.map(millis),
            total: millis(timing.total),
        },
        address: connection.address,
        tls: connection.tls.map(|facts| Tls {
            version: facts.version.as_str().to_owned(),
            not_after: facts
                .not_after
                .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))),
        }),
        outcome: verdict.outcome,
        status,
        reason: verdict.reason.to_owned(),
        explanation: verdict.explanation.clone(),
        response: None,
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

//! The attempt itself: the event, the keys, the POST.

use std::sync::Arc;

use domain::delivery::EXPUNGED;
use domain::event::Event;
use domain::time::Timestamp;
use queue::message::DeliveryMessage;
use telemetry::chain::chain;

use crate::Deps;
use crate::answer::Made;
use crate::attempt::LATEST_START;
use crate::endpoints::{Known, Newness};
use crate::hidden::Hidden;
use crate::pace::watched;
use crate::request::build;

/// Makes the attempt, or a finished attempt that says why nothing was sent; with the endpoint as it
/// was known for that.
pub(crate) async fn make(
    deps: &Deps,
    message: &DeliveryMessage,
    known: Arc<Known>,
    began: Timestamp,
) -> Result<(Arc<Known>, Made), String> {
    match make_once(deps, message, &known, began).await {
        Ok(made) => Ok((known, made)),
        Err(Unmade::Failed(why)) => Err(why),
        Err(Unmade::NoMaterial(why)) => {
            Box::pin(make_anew(deps, message, &known, began, why)).await
        }
    }
}

/// Why there was no attempt, in words.
enum Unmade {
    Failed(String),
    /// The vault has no such version as the endpoint names, as far as is known.
    NoMaterial(String),
}

impl From<String> for Unmade {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// The same with what the endpoint's record says now: it may name another version by then, and the
/// former go with the next change.
async fn make_anew(
    deps: &Deps,
    message: &DeliveryMessage,
    before: &Known,
    began: Timestamp,
    why: String,
) -> Result<(Arc<Known>, Made), String> {
    let (network, id) = (&message.network, before.endpoint.id);
    let now = deps.platform.clock.now();
    deps.endpoints.forget(network, id);
    let newness = Newness {
        version: message.endpoint_version,
        since: None,
    };
    let found = deps
        .endpoints
        .find(&deps.store, network, id, newness, now)
        .await;
    let found = found.map_err(|error| chain(&error))?;
    // One that is disabled or gone by now is dealt with when the message comes again.
    let usable = found.filter(|known| known.endpoint.is_enabled());
    let Some(known) = usable.filter(|known| known.endpoint.secret != before.endpoint.secret) else {
        return Err(why);
    };
    match make_once(deps, message, &known, began).await {
        Ok(made) => Ok((known, made)),
        Err(Unmade::Failed(why) | Unmade::NoMaterial(why)) => Err(why),
    }
}

/// The attempt itself, or a finished attempt that says why nothing was sent.
async fn make_once(
    deps: &Deps,
    message: &DeliveryMessage,
    known: &Known,
    began: Timestamp,
) -> Result<Made, Unmade> {
    let endpoint = &known.endpoint;
    let now = deps.platform.clock.now();
    let unsent = |reason, explanation, last| {
        Ok(Made::unsent(
            message.attempt,
            now,
            reason,
            explanation,
            last,
        ))
    };
    // The same rules as on saving: yesterday's good address may be bad today.
    let Some(url) = known.url.clone() else {
        return unsent(
            "url_not_allowed",
            "the endpoint's URL is not allowed any more; nothing was sent",
            false,
        );
    };
    let event = match event(deps, message).await? {
        Ok(event) => event,
        Err((reason, explanation)) => return unsent(reason, explanation, true),
    };
    let material = deps
        .vault
        .material(&message.network, endpoint.secret, endpoint.id, now)
        .await
        .map_err(|error| {
            let why = chain(&error);
            if matches!(error, vault::Error::Missing { .. }) {
                Unmade::NoMaterial(why)
            } else {
                Unmade::Failed(why)
            }
        })?;
    let starts = deps.platform.clock.now();
    if starts.since(began) > LATEST_START {
        let why = "the stores were too slow to start the attempt in time";
        return Err(Unmade::Failed(why.to_owned()));
    }
    let request = build(url, &event, endpoint, &material, starts);
    let answer = watched(deps, known, deps.client.post(request)).await;
    let now = deps.platform.clock.now();
    let keep = endpoint.keep_responses;
    let hidden = Hidden::of(&material);
    let kept = (keep, &hidden);
    Ok(Made::sent(message.attempt, starts, now, &answer, kept))
}

/// The event, or why there is none to send, as a word and in words.
async fn event(
    deps: &Deps,
    message: &DeliveryMessage,
) -> Result<Result<Event, (&'static str, &'static str)>, String> {
    if let Some(event) = message.riding_event() {
        return Ok(Ok(event));
    }
    let stored = Box::pin(deps.store.event(&message.network, &message.event)).await;
    Ok(match stored.map_err(|error| chain(&error))? {
        None => Err((
            "event_expired",
            "the event is past its retention period; nothing was sent",
        )),
        Some(stored) if stored.expunged.is_some() => Err(EXPUNGED),
        Some(stored) => Ok(stored.event),
    })
}

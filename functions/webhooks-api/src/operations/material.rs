//! Changes of what the vault keeps of an endpoint: its signing keys and sensitive header values.
//!
//! The vault first, then the record: a version in the vault counts from when the record names it, so
//! a request that is refused, or dies in between, leaves one that nobody ever uses.

use domain::endpoint::{Endpoint, SecretRef};
use http_api::{Call, Failure, Problem};
use telemetry::chain::chain;
use telemetry::event::RequestFailed;
use vault::{Edit, MAX_KEYS};

use super::endpoints::{MAX_ROUNDS, check_version, find, write};
use crate::Deps;

/// Makes the version that the record is to name. `None` when someone else changed or deleted the
/// endpoint since `seen` was read.
pub(super) async fn edit(
    deps: &Deps,
    seen: &Endpoint,
    edit: &Edit<'_>,
) -> Result<Option<SecretRef>, Failure> {
    let (network, at, id) = (&seen.network, seen.secret, seen.id);
    match deps.vault.edit(network, at, id, edit).await {
        Ok(made) => Ok(Some(made)),
        Err(vault::Error::TooManyKeys { .. }) => {
            Err(Problem::TooManyKeys { most: MAX_KEYS }.into())
        }
        Err(error) => outdated(deps, seen, error).await.map(|()| None),
    }
}

/// Passes over a version that is missing only because the record names another one by now, or is
/// gone; every other error is given back.
pub(super) async fn outdated(
    deps: &Deps,
    seen: &Endpoint,
    error: vault::Error,
) -> Result<(), Failure> {
    if matches!(error, vault::Error::Missing { .. }) {
        let now = deps.store.endpoint(&seen.network, seen.id).await?;
        if now.is_none_or(|now| now.secret != seen.secret) {
            return Ok(());
        }
    }
    Err(error.into())
}

/// Writes a record over that of an endpoint which was enabled or not, and named `before`. `false`
/// when someone else changed or deleted it first.
pub(super) async fn name(
    deps: &Deps,
    was_enabled: bool,
    before: SecretRef,
    changed: &Endpoint,
) -> Result<bool, Failure> {
    let (network, id, made) = (&changed.network, changed.id, changed.secret);
    let written = write(deps, was_enabled, changed).await;
    let refused = match &written {
        Ok(written) => !written,
        // One that may have been written all the same keeps its keys.
        Err(error) => error.changed_nothing(),
    };
    if refused && made.ring != before.ring {
        let withdrawn = deps.vault.withdraw(network, made, id).await;
        tell_if_left(deps, "withdrawKeys", withdrawn);
    }
    let written = written?;
    if written {
        let left = deps.vault.leave(network, (before, made), id).await;
        tell_if_left(deps, "leaveKeyRing", left);
    }
    Ok(written)
}

/// Changes the keys of an endpoint, and its record with them. Built anew on what others wrote in
/// between, unless the caller named a version.
pub(super) async fn rekey(
    deps: &Deps,
    call: &Call,
    first: Endpoint,
    change_keys: &Edit<'_>,
    change: impl Fn(Endpoint) -> Endpoint,
) -> Result<Endpoint, Failure> {
    let mut seen = first;
    for _ in 0..MAX_ROUNDS {
        if let Some(secret) = edit(deps, &seen, change_keys).await? {
            let (before, was_enabled) = (seen.secret, seen.is_enabled());
            let changed = Endpoint {
                version: seen.version.saturating_add(1),
                updated: deps.platform.clock.now(),
                secret,
                ..change(seen)
            };
            if name(deps, was_enabled, before, &changed).await? {
                return Ok(changed);
            }
        }
        seen = find(deps, call).await?;
        check_version(call, &seen)?;
    }
    Err(Problem::Contended.into())
}

/// Removes the keys and sensitive values of an endpoint that is gone or was never made. What cannot be
/// removed now is removed by cert-expiry, which was told of it before.
pub(super) async fn remove_keys(deps: &Deps, endpoint: &Endpoint) {
    let (network, at) = (&endpoint.network, endpoint.secret);
    let removed = deps.vault.remove(network, at, endpoint.id).await;
    tell_if_left(deps, "removeKeys", removed);
}

/// Nothing signs with what is left in the vault: for the operator's log.
fn tell_if_left(deps: &Deps, operation: &'static str, removed: Result<(), vault::Error>) {
    if let Err(error) = removed {
        let event = RequestFailed {
            operation,
            request_id: None,
            error: chain(&error),
        };
        let now = deps.platform.clock.now();
        deps.platform.telemetry.emit(&event, now.millis());
    }
}

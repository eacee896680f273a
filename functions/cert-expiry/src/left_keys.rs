use std::collections::BTreeMap;

use domain::id::NetworkId;
use domain::time::Timestamp;
use store::LeftKeys;

use crate::Deps;
use crate::handler::tell_failed;
use crate::warn::Failed;

/// Removes the keys and sensitive header values of endpoints that are gone or never came to be, and
/// tells of how many. One network's trouble keeps no other's from being removed; the next run goes on
/// from there.
pub(crate) async fn remove(deps: &Deps, now: Timestamp) -> (u32, Result<(), Failed>) {
    let left = match deps.store.left_keys(now).await {
        Ok(left) => left,
        Err(error) => {
            let failed = Failed::from(error);
            tell_failed(deps, &failed);
            return (0, Err(failed));
        }
    };
    let mut networks: BTreeMap<NetworkId, Vec<LeftKeys>> = BTreeMap::new();
    for one in left {
        networks.entry(one.network.clone()).or_default().push(one);
    }
    let (mut removed, mut result) = (0, Ok(()));
    for (network, left) in &networks {
        match of_network(deps, network, left).await {
            Ok(endpoints) => removed += endpoints,
            Err(failed) => {
                tell_failed(deps, &failed);
                result = Err(failed);
            }
        }
    }
    (removed, result)
}

/// All of a network together: each of its key rings is changed once.
async fn of_network(deps: &Deps, network: &NetworkId, left: &[LeftKeys]) -> Result<u32, Failed> {
    let mut gone = Vec::new();
    for one in left {
        // The index lags behind: it may have come to be since.
        if deps.store.endpoint(network, one.endpoint).await?.is_none() {
            gone.push(one.endpoint);
        }
    }
    deps.vault.forget(network, &gone).await?;
    for one in left {
        deps.store.forget_left_keys(one).await?;
    }
    Ok(u32::try_from(gone.len()).unwrap_or(u32::MAX))
}

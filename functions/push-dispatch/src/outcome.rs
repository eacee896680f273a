//! What a message came to.

use domain::credential::Slot;
use domain::id::NetworkId;
use domain::time::Timestamp;
use queue::push::PushMessage;
use store::{ActiveSlot, PushState};

/// The end of one message.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The provider took it.
    Sent(Credit),
    /// It comes again; the received message stays until the new one is queued.
    Later(Box<Later>),
    /// A gate stopped it after all.
    Gated,
    /// Given up.
    Dead,
    /// Settled by another try.
    Stale,
    /// None of ours.
    Quarantined,
}

/// Why a message is received again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The table.
    #[error(transparent)]
    Table(#[from] store::Error),
    /// The queue of those who are told of a credential.
    #[error("news of a credential is still to be told")]
    News(#[from] queue::SendError),
}

/// How a push ended that comes again.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// When the try began that the provider took, if one did.
    pub(crate) sent: Option<Timestamp>,
}

impl Ended {
    /// Whether it was this activation that it was sent with.
    pub(crate) fn was_sent_with(&self, active: &ActiveSlot) -> bool {
        self.sent.is_some_and(|at| at >= active.since)
    }
}

/// A message that is to come at a later time.
#[derive(Debug)]
pub(crate) struct Later {
    pub(crate) message: PushMessage,
    pub(crate) at: Timestamp,
    /// `Held` or `Pending`.
    pub(crate) state: PushState,
}

/// A phone was reached by this activation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Credit {
    pub(crate) network: NetworkId,
    pub(crate) slot: Slot,
    pub(crate) version: u64,
    /// So many are enough: no more need be counted.
    pub(crate) proven: bool,
}

/// A credential is beyond doubt once it reached so many phones more than refused it. Until then
/// phones reached are counted: tokens refused always are, and would outnumber them in the end.
const PROVEN: u64 = 20;

impl Credit {
    pub(crate) fn of(network: &NetworkId, active: &ActiveSlot) -> Self {
        Self {
            network: network.clone(),
            slot: active.slot,
            version: active.version,
            proven: active.delivered >= active.suspects.saturating_add(PROVEN),
        }
    }
}

/// Whether the credential has reached more phones than it had refused, so that a refused token is
/// the token's fault.
pub(crate) fn is_trusted(active: &ActiveSlot) -> bool {
    active.delivered > active.suspects
}
